// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// The schemes of store URLs.
const (
	schemeMemory = "memory"
	schemePebble = "pebble"
	schemeFDB    = "fdb"
	schemeKelpie = "kelpie"
)

// defaultStore is the store of a node that was told nothing: durable, and its own.
const defaultStore = schemePebble + ":"

// storeHere is what a node that serves its own store calls it; joiners get its address behind it.
const storeHere = schemeKelpie + "://"

// storeURL is a store URL, taken apart.
type storeURL struct {
	scheme string
	// rest is the directory of pebble, the cluster file of fdb, the address of kelpie. It may be empty for the
	// first two.
	rest string
}

// embedded reports whether the store lives in the process that opens it, so that others
// need it served.
func (u storeURL) embedded() bool { return u.scheme == schemeMemory || u.scheme == schemePebble }

func (u storeURL) String() string {
	if u.scheme == schemeKelpie {
		return storeHere + u.rest
	}
	return u.scheme + ":" + u.rest
}

// parseStoreURL takes a store URL apart. Errors are CodeInvalidArgument.
func parseStoreURL(s string) (storeURL, error) {
	scheme, rest, _ := strings.Cut(s, ":")
	switch u := (storeURL{scheme, rest}); {
	case scheme == schemeMemory && rest != "":
		return u, api.Errorf(api.CodeInvalidArgument, "store %q: memory: takes nothing after the colon", s)
	case s == schemeMemory+":", strings.HasPrefix(s, schemePebble+":"), strings.HasPrefix(s, schemeFDB+":"):
		return u, nil
	case strings.HasPrefix(s, storeHere):
		u.rest = strings.TrimPrefix(s, storeHere)
		return u, cli.CheckAddress("store kelpie://", u.rest)
	}
	return storeURL{}, cli.Advise(
		api.Errorf(api.CodeInvalidArgument, "store %q is of an unknown kind", s),
		"write memory:, pebble:DIR, fdb:CLUSTERFILE or kelpie://HOST:PORT",
	)
}
