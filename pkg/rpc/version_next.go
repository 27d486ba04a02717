// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kelpie_next

package rpc

// A build with this tag speaks the version of the protocol that comes next, as far as tests of rolling upgrades need
// one: it has a kind of frame that the present version does not know, and sends it to those alone who have agreed on
// the next.

// ProtocolVersion is the newest version of the protocol that this package speaks.
const ProtocolVersion = 2

// kindGreeting, id 0, begins a connection from version 2 on.
const kindGreeting frameKind = 11

func (c *clientConn) greet() {
	if c.peer.Version < 2 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushBare(kindGreeting)
}

func later(k frameKind) bool { return k == kindGreeting }
