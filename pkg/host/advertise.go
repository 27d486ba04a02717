// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"net"
	"net/netip"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// checkAdvertised checks an address that others are to connect to. The error has the line to write instead; listen is
// the address listened at. Errors are CodeInvalidArgument.
func checkAdvertised(addr, listen string) error {
	host, port, err := cli.ParseAddress("--advertise", addr)
	if err != nil {
		return err
	}
	why := ""
	ip, err := netip.ParseAddr(host)
	ip = ip.Unmap()
	switch {
	case isUnspecified(host):
		why = "is every address of a machine"
	case port == "0":
		why = "has port 0, which is none"
	case err != nil: // a name
	case ip.IsMulticast():
		why = "is a multicast address"
	case ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		why = "is the broadcast address"
	}
	if why == "" {
		return nil
	}
	if port == "0" {
		if _, port, err = net.SplitHostPort(listen); err != nil || port == "0" {
			_, port, _ = net.SplitHostPort(cli.DefaultListen)
		}
	}
	if isUnspecified(host) || ip.IsValid() && !ip.IsGlobalUnicast() && !ip.IsLoopback() {
		host = interfaceAddress(host)
	}
	return cli.Advise(
		api.Errorf(api.CodeInvalidArgument, "--advertise %s: no other node can connect to that, as it %s", addr, why),
		"write an address of this machine that the others reach, such as --advertise %s",
		net.JoinHostPort(host, port),
	)
}

// isUnspecified reports whether listening at host is listening at every address.
func isUnspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.Unmap().IsUnspecified()
}

// probes are addresses of documentation, which no machine has: the way to them is the way to other machines.
var probes = map[string]string{"udp4": "192.0.2.1:9", "udp6": "[2001:db8::1]:9"}

// interfaceAddress returns the address of this machine that packets to others leave from, of the family of the wildcard
// address if there is one. Nothing is sent. A machine without a way to others has an address of an interface, else
// the loopback address.
func interfaceAddress(wildcard string) string {
	families := []string{"udp4", "udp6"}
	if ip, err := netip.ParseAddr(wildcard); err == nil && ip.Is4() {
		families = families[:1]
	}
	for _, family := range families {
		conn, err := net.Dial(family, probes[family])
		if err != nil {
			continue
		}
		addr, ok := conn.LocalAddr().(*net.UDPAddr)
		conn.Close()
		if ok && !addr.IP.IsUnspecified() {
			return addr.IP.String()
		}
	}
	return attachedAddress(len(families) == 1)
}

// attachedAddress returns the first address of an interface that other machines may reach, else the loopback address.
func attachedAddress(only4 bool) string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		all = nil // as if there were none
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && (!only4 || n.IP.To4() != nil) {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}
