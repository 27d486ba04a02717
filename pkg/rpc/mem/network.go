// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

var (
	errHostDown = errors.New("host is down")
	errRefused  = errors.New("connection refused")
	errReset    = errors.New("link broken")
)

// Network connects hosts.
type Network struct {
	env env.Env

	mu         sync.Mutex
	latency    time.Duration
	conditions Conditions // nil: all is delivered, after the latency
	corrupted  uint64     // how many frames were
	hosts      map[string]*host
	listeners  map[string]*listener // by address
	blocked    map[route]bool
	links      []*end       // one end of each that is open, in the order they were made
	dialling   []env.Parker // wait until something is unblocked
	lastPort   int
}

// host is one life of a host: after a cut there is a new one.
type host struct {
	name string
	down bool
}

// NewNetwork returns a network without hosts. e's clock delays what is sent.
func NewNetwork(e env.Env) *Network {
	return &Network{
		env: e, hosts: make(map[string]*host), listeners: make(map[string]*listener), blocked: make(map[route]bool),
	}
}

// Transport returns the transport of a host, whose tasks run in e. After a cut, it brings the host back.
func (n *Network) Transport(e env.Env, name string) rpc.Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[name]
	if h == nil || h.down {
		h = &host{name: name}
		n.hosts[name] = h
	}
	return &transport{network: n, env: e, host: h}
}

// SetLatency makes everything sent from now on arrive after d, though never before what was sent
// earlier. With zero, the default, it arrives as soon as another task has had the chance to run.
func (n *Network) SetLatency(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latency = d
}

// Cut takes a host down, as a crash does: its links break for both sides (for the other one not before a block in
// that direction ends), its listeners are gone, dialling from and to it fails. Its transports stay down for ever; the
// next call of Transport brings up a new life of the host.
func (n *Network) Cut(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[name]
	if h == nil {
		return
	}
	h.down = true
	for _, l := range n.sortedListeners() {
		if l.host == h {
			l.close()
		}
	}
	for _, near := range slices.Clone(n.links) {
		for _, e := range []*end{near, near.peer} {
			if e.host == h {
				e.crash()
			}
		}
	}
}

// hostAt returns the name of the host that an address leads to: of that which listens there, else the
// name in the address. The lock is held.
func (n *Network) hostAt(addr string) string {
	if l := n.listeners[addr]; l != nil {
		return l.host.name
	}
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return name
}

func (n *Network) sortedListeners() []*listener {
	all := make([]*listener, 0, len(n.listeners))
	for _, l := range n.listeners { //kelpie:unordered sorted below
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *listener) int { return cmp.Compare(a.addr, b.addr) })
	return all
}

// portFirst is the first port that is given for port 0.
const portFirst = 10000

// resolve returns the address to listen at, choosing a port for port 0. The lock is held.
func (n *Network) resolve(addr string) (string, error) {
	if name, ok := strings.CutSuffix(addr, ":0"); ok {
		addr = fmt.Sprintf("%s:%d", name, portFirst+n.lastPort)
		n.lastPort++
	}
	if n.listeners[addr] != nil {
		return "", &net.OpError{Op: "listen", Net: "mem", Err: errors.New("address already in use: " + addr)}
	}
	return addr, nil
}
