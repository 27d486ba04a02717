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
	hosts      map[string]*host
	listeners  map[string]*listener // by address
	partitions map[[2]string]bool
	links      []*end // one end of each that is open, in the order they were made
	healed     []env.Parker
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
		env: e, hosts: make(map[string]*host), listeners: make(map[string]*listener), partitions: make(map[[2]string]bool),
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

// SetLatency makes everything sent from now on arrive after d. With zero, the default, it arrives
// as soon as another task has had the chance to run.
func (n *Network) SetLatency(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latency = d
}

// Cut takes a host down, as a crash does: its links break for both sides, its listeners
// are gone, dialling from and to it fails. Its transports stay down for ever; the next call of Transport brings up
// a new life of the host.
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
	for _, e := range slices.Clone(n.links) {
		if e.host == h || e.peer.host == h {
			e.reset(errReset)
			e.peer.reset(errReset)
		}
	}
}

// Partition stops what two hosts send each other, both ways. Nothing breaks by it: links stall, as do
// dials, until Heal or until somebody loses patience.
func (n *Network) Partition(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.partitions[pair(a, b)] = true
}

// Heal ends a partition: what has stalled arrives.
func (n *Network) Heal(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.partitions, pair(a, b))
	for _, e := range slices.Clone(n.links) {
		if !n.partitioned(e.host, e.peer.host) {
			e.resume()
			e.peer.resume()
		}
	}
	for _, waiting := range n.healed {
		waiting.Unpark()
	}
	n.healed = nil
}

func pair(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

func (n *Network) partitioned(a, b *host) bool { return n.partitions[pair(a.name, b.name)] }

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
