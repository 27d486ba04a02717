// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net"
	"strconv"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// DefaultListen is where a node listens, and where clients look for one.
const DefaultListen = "127.0.0.1:7600"

// parseAddress splits HOST:PORT, given as what. The host may be empty. Errors are CodeInvalidArgument.
func ParseAddress(what, addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", api.Errorf(api.CodeInvalidArgument, "%s %q: write HOST:PORT, such as %s", what, addr,
			DefaultListen)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", api.Errorf(api.CodeInvalidArgument, "%s %q: %q is not a port; ports are numbers from 0 to "+
			"65535", what,
			addr, port)
	}
	return host, port, nil
}

// CheckAddress checks an address to connect to, given as what, such as a flag. Errors are CodeInvalidArgument.
func CheckAddress(what, addr string) error {
	host, port, err := ParseAddress(what, addr)
	if err != nil {
		return err
	}
	if host == "" || port == "0" {
		return api.Errorf(api.CodeInvalidArgument,
			"%s %q: no one can connect to that; write host and port, such as %s", what, addr, DefaultListen)
	}
	return nil
}
