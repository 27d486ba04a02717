// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import (
	"fmt"
	"net/url"
	"strings"
)

// prefixBytesMax leaves almost all of kv.KeyBytesMax to the keys behind the prefix.
const prefixBytesMax = 1_000

// Options choose a cluster, and a place in it.
type Options struct {
	// ClusterFile is the path of the cluster file. If it is empty, FoundationDB's client
	// looks for one itself: $FDB_CLUSTER_FILE, fdb.cluster in the working directory,
	// then the system's default.
	ClusterFile string
	// Prefix begins every key of the store, so that several stores can share a cluster; none may
	// be a prefix of another. It is at most 1000 bytes long and does not begin with \xff.
	Prefix string
}

// ParseOptions parses FILE?prefix=P, both parts of which may be missing. P is escaped as in a URL's query.
func ParseOptions(s string) (Options, error) {
	file, query, _ := strings.Cut(s, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return Options{}, fmt.Errorf("options %q: %w", query, err)
	}
	opt := Options{ClusterFile: file}
	for name, given := range values {
		if name != "prefix" {
			return Options{}, fmt.Errorf("option %q is not known: there is prefix", name)
		}
		if len(given) != 1 {
			return Options{}, fmt.Errorf("option prefix is given %d times", len(given))
		}
		opt.Prefix = given[0]
	}
	return opt, opt.validate()
}

func (o Options) validate() error {
	if len(o.Prefix) > prefixBytesMax {
		return fmt.Errorf("a prefix of %d bytes is longer than %d", len(o.Prefix), prefixBytesMax)
	}
	if strings.HasPrefix(o.Prefix, "\xff") {
		return fmt.Errorf("prefix %q lies outside of the key space, which ends at \\xff", o.Prefix)
	}
	return nil
}
