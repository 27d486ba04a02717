// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package actortest runs actors in memory, in the process of a test: no node, no store, no network.
//
//	a := actortest.New(cart.Carts) // a kind, as host.Main takes it
//	n, err := cart.Put.On(a, "alice").Call(ctx, cart.Item{Name: "apple", Count: 3})
//
// Handlers run as on a node: a call that fails is undone, a reading method that changes the state fails, and what is
// sent or set as an alarm waits for Deliver and Advance. Nothing goes wrong by itself here. Package simtest runs the
// same actors on simulated clusters, where nodes crash and networks break.
package actortest
