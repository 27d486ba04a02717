// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// A server takes a bounded number of connections: each has memory and a descriptor. Callers can be many, and can come
// from one address, so there is room that they do not get: for nodes and for tools that operate the cluster, as these
// say in their hellos. The server tells a connection that gets no room why, which takes a hello. greetingsMax bounds
// how many may be at that beyond the bound, and the server closes what comes beyond those at once.

const (
	// greetingsMax is how many connections beyond the bounds may be at their hello, to be refused by a word.
	greetingsMax = 64
	// reservedPart is the part of all connections that is for nodes and tools, reservedMax the most.
	reservedPart = 16
	reservedMax  = 256
	// toldAgain is how often it is logged that connections were refused.
	toldAgain = 10 * time.Second
)

// admission is the count of a server's connections. It is guarded by the server's lock.
type admission struct {
	max, reserved, perAddress int

	// callers are neither nodes nor tools, special are; the others are at their hello.
	callers, special int
	// byAddress counts those that are not special.
	byAddress map[string]int
	refused   uint64
}

func newAdmission(c *ServerConfig) admission {
	return admission{max: c.ConnectionsMax, reserved: min(c.ConnectionsMax/reservedPart, reservedMax),
		perAddress: c.ConnectionsPerAddressMax, byAddress: make(map[string]int)}
}

// begin counts a connection that has come, and reports whether it may say who it is.
func (a *admission) begin(c *serverConn, conns int) bool {
	if conns >= a.max+greetingsMax || a.byAddress[c.address] >= a.perAddress+greetingsMax {
		a.refused++
		return false
	}
	a.byAddress[c.address]++
	return true
}

// enter counts a connection that has said who it is, or says why it gets no room.
func (a *admission) enter(c *serverConn, special bool) *api.Error {
	err := a.full(c, special)
	switch {
	case err != nil:
		a.refused++
	case special:
		a.leave(c)
		c.admitted = admittedSpecial
		a.special++
	default:
		c.admitted = admittedCaller
		a.callers++
	}
	return err
}

func (a *admission) full(c *serverConn, special bool) *api.Error {
	switch from := a.byAddress[c.address]; {
	case a.callers+a.special >= a.max:
		return api.Errorf(api.CodeOverloaded, "the server has %d connections, as many as it may (--max-connections)",
			a.callers+a.special)
	case special:
		return nil
	case a.callers >= a.max-a.reserved:
		return api.Errorf(api.CodeOverloaded, "the server has connections of %d callers, as many as it may; room for "+
			"%d more is kept for nodes and tools (--max-connections)", a.callers, a.reserved)
	case from > a.perAddress:
		return api.Errorf(api.CodeOverloaded, "the server has %d connections from %s, as many as it may "+
			"(--max-connections-per-address)", from-1, c.address)
	}
	return nil
}

// leave counts a connection no more.
func (a *admission) leave(c *serverConn) {
	switch c.admitted {
	case admittedSpecial:
		a.special--
		return
	case admittedCaller:
		a.callers--
	}
	if a.byAddress[c.address]--; a.byAddress[c.address] == 0 {
		delete(a.byAddress, c.address)
	}
}

// admitted is what a connection counts as.
type admitted uint8

const (
	admittedToGreet admitted = iota
	admittedCaller
	admittedSpecial
)

// addressOf is the address without the port, which all connections of a machine share.
func addressOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}

// teller logs what happens often once in a while.
type teller struct {
	last time.Duration
	told bool
	more int
}

// tell logs a message, with how often that has happened since it was logged last.
func (t *teller) tell(e env.Env, log *slog.Logger, message string, args ...any) {
	t.more++
	now := e.Monotonic()
	if t.told && now < t.last+toldAgain {
		return
	}
	log.Log(context.Background(), slog.LevelWarn, message, append(args, "times", t.more)...)
	t.told, t.last, t.more = true, now, 0
}
