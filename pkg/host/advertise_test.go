// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestAdvertisedAddresses shows which addresses of a node are refused, with a line to write instead that is accepted.
func TestAdvertisedAddresses(t *testing.T) {
	for _, addr := range []string{
		"10.0.0.1:7600", "localhost:7600", "db-1.example.com:1", "[fe80::1%eth0]:7600", "[::1]:7600", "127.0.0.1:7600",
	} {
		if err := checkAdvertised(addr, "0.0.0.0:7600"); err != nil {
			t.Errorf("%s is refused: %v", addr, err)
		}
	}
	for addr, says := range map[string]string{
		"0.0.0.0:7600": "every address", "[::]:7600": "every address", ":7600": "every address",
		"[::ffff:0.0.0.0]:7600": "every address", "0.0.0.0:0": "every address",
		"224.0.0.1:7600": "multicast", "[ff02::1%eth0]:7600": "multicast", "[::ffff:224.0.0.1]:7600": "multicast",
		"255.255.255.255:7600": "broadcast", "10.0.0.1:0": "port 0", "db-1:0": "port 0", "10.0.0.1": "HOST:PORT",
		"10.0.0.1:x": "not a port", "10.0.0.1:70000": "not a port",
	} {
		err := checkAdvertised(addr, "0.0.0.0:7701")
		if api.CodeOf(err) != api.CodeInvalidArgument || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", addr, err, says)
			continue
		}
		var said bytes.Buffer
		cli.PrintError(&said, err)
		_, instead, found := strings.Cut(said.String(), "such as --advertise ")
		if !found {
			if says != "HOST:PORT" && says != "not a port" {
				t.Errorf("%s: no line to write instead: %s", addr, said.String())
			}
			continue
		}
		instead = strings.TrimSpace(instead)
		if err := checkAdvertised(instead, "0.0.0.0:7701"); err != nil {
			t.Errorf("%s: the line to write instead, %s, is refused: %v", addr, instead, err)
		}
		if strings.HasSuffix(addr, ":0") && !strings.HasSuffix(instead, ":7701") {
			t.Errorf("%s: not the port listened at: %s", addr, instead)
		}
	}
}

// TestInterfaceAddress shows that the address picked is one of this machine's, of the family asked for.
func TestInterfaceAddress(t *testing.T) {
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, wildcard := range []string{"", "0.0.0.0", "::"} {
		got, err := netip.ParseAddr(interfaceAddress(wildcard))
		if err != nil {
			t.Fatal(err)
		}
		if wildcard == "0.0.0.0" && !got.Is4() {
			t.Errorf("%s has %s", wildcard, got)
		}
		found := false
		for _, a := range own {
			prefix, err := netip.ParsePrefix(a.String())
			found = found || err == nil && prefix.Addr() == got
		}
		if !found || got.IsUnspecified() {
			t.Errorf("%q has %s, which is not of %v", wildcard, got, own)
		}
	}
}
