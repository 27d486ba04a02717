// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

const (
	// prefixBytesMax leaves almost all of kv.KeyBytesMax to the keys behind the prefix.
	prefixBytesMax = 1_000
	// sizeLimitMin is the least size limit that FoundationDB takes.
	sizeLimitMin = 32
	// timeoutMax keeps milliseconds within what FoundationDB's client takes.
	timeoutMax = 24 * time.Hour
)

// Options choose a cluster, and a place in it.
type Options struct {
	// ClusterFile is the path of the cluster file. If it is empty, it is looked for as all of FoundationDB's programs
	// do: $FDB_CLUSTER_FILE, fdb.cluster in the working directory, then the system's default.
	ClusterFile string
	// Prefix begins every key of the store, so that several stores can share a cluster; none may
	// be a prefix of another. It is at most 1000 bytes long and does not begin with \xff.
	Prefix string
	// Timeout ends each transaction that is older, from a millisecond to a day; 0 is no such limit: every
	// call has its context. It does not end watches.
	Timeout time.Duration
	// SizeLimit is the greatest approximate size of a transaction, from 32 bytes to kv.TxBytesMax; 0 is kv.TxBytesMax.
	SizeLimit int64
	TLS       TLS
}

// TLS is what a process has for clusters whose coordinators' addresses end in :tls. What is empty, FoundationDB's
// client takes from its own variables (FDB_TLS_CERTIFICATE_FILE, FDB_TLS_KEY_FILE, FDB_TLS_CA_FILE,
// FDB_TLS_VERIFY_PEERS), then from its defaults. The key's password is in FDB_TLS_PASSWORD alone.
type TLS struct {
	// Cert, Key and CA are paths of PEM files: the process's own certificates, its key, and whom it trusts.
	Cert, Key, CA string
	// VerifyPeers says what must be true of a server's certificate, such as Check.Valid=1,S.CN=fdb.example.
	VerifyPeers string
}

// parameters are those of a store URL, and how each is taken.
var parameters = map[string]func(o *Options, given string) error{
	"prefix":  func(o *Options, given string) error { o.Prefix = given; return nil },
	"timeout": func(o *Options, given string) (err error) { o.Timeout, err = time.ParseDuration(given); return err },
	"size_limit": func(o *Options, given string) (err error) {
		o.SizeLimit, err = strconv.ParseInt(given, 10, 64)
		return err
	},
	"tls_cert":         func(o *Options, given string) error { o.TLS.Cert = given; return nil },
	"tls_key":          func(o *Options, given string) error { o.TLS.Key = given; return nil },
	"tls_ca":           func(o *Options, given string) error { o.TLS.CA = given; return nil },
	"tls_verify_peers": func(o *Options, given string) error { o.TLS.VerifyPeers = given; return nil },
}

// ParseOptions parses FILE?NAME=VALUE&..., all parts of which may be missing. Names are prefix, timeout, size_limit,
// tls_cert, tls_key, tls_ca and tls_verify_peers; values are escaped as in a URL's query.
func ParseOptions(s string) (Options, error) {
	file, query, _ := strings.Cut(s, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return Options{}, fmt.Errorf("options %q: %w", query, err)
	}
	opt := Options{ClusterFile: file}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		given := values[name]
		take, ok := parameters[name]
		switch {
		case !ok:
			return Options{},
				fmt.Errorf("unknown option %q; there are %s", name,
					strings.Join(slices.Sorted(maps.Keys(parameters)), ", "))
		case len(given) != 1:
			return Options{}, fmt.Errorf("option %s is set %d times", name, len(given))
		case given[0] == "":
			return Options{}, fmt.Errorf("option %s has no value", name)
		}
		if err := take(&opt, given[0]); err != nil {
			return Options{}, fmt.Errorf("option %s: %q is neither a duration, such as 5s, nor a number: %w", name,
				given[0], err)
		}
	}
	return opt, opt.validate()
}

func (o Options) validate() error {
	switch {
	case len(o.Prefix) > prefixBytesMax:
		return fmt.Errorf("a prefix of %d bytes is longer than %d", len(o.Prefix), prefixBytesMax)
	case strings.HasPrefix(o.Prefix, "\xff"):
		return fmt.Errorf("prefix %q is outside the key space, which ends at \\xff", o.Prefix)
	case o.Timeout != 0 && (o.Timeout < time.Millisecond || o.Timeout > timeoutMax):
		return fmt.Errorf("a timeout of %v is not between 1ms and %v", o.Timeout, timeoutMax)
	case o.SizeLimit != 0 && (o.SizeLimit < sizeLimitMin || o.SizeLimit > kv.TxBytesMax):
		return fmt.Errorf("a size_limit of %d is not between %d and %d bytes", o.SizeLimit, sizeLimitMin, kv.TxBytesMax)
	case (o.TLS.Cert == "") != (o.TLS.Key == ""):
		return fmt.Errorf("set tls_cert and tls_key together, or neither")
	}
	return nil
}
