// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package client is what a caller of actors imports.
//
// Dial connects to a cluster; a method that was declared with actor.Write or actor.Read is then called by its
// reference:
//
//	c, err := client.Dial(ctx, client.Options{Addrs: []string{"127.0.0.1:7600"}})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	inCart, err := carts.Put.On(c, "alice").Call(ctx, carts.Item{Name: "apple", Count: 3})
//
// A Client knows a few addresses of a cluster. It sends each call to where the actor was last found, else to any of
// the addresses, whose node passes the call on; it remembers what it learns. Every call has a key, under which its
// actor knows it again: within the deadline, the Client sends a call whose answer was lost once more, and it has its
// effect once. If the deadline passes first, the call fails with api.CodeUnknown: it may have run. WithIdempotencyKey
// lets another process repeat the call.
//
// The addresses take turns. Where actors were found is remembered for the 10,000 used last.
//
// A Client is safe for concurrent use.
package client
