// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package actor is what the author of an actor imports.
//
// An actor is a small, named object with durable state that handles one call at a time. A Kind is all actors of one
// namespace: a state struct and methods on it.
//
//	type Counter struct {
//		N int64 `json:"n"`
//	}
//
//	var Counters = actor.New[Counter]("counter")
//
//	var Add = actor.Write(Counters, "add", func(ctx *actor.Context, c *Counter, n int64) (int64, error) {
//		c.N += n
//		return c.N, nil
//	})
//
//	var Get = actor.Read(Counters, "get", func(ctx *actor.Context, c *Counter, _ actor.None) (int64, error) {
//		return c.N, nil
//	})
//
//	func main() { host.Main(Counters) }
//
// Add and Get are references: values that call the method, with a request and a reply that the compiler checks.
//
//	n, err := Add.Call(ctx, "visits", 1)       // in a handler: calls counter/visits and waits
//	err := Add.Send(ctx, "visits", 1)          // in a handler: calls it after the commit
//	n, err := Add.On(c, "visits").Call(ctx, 1) // elsewhere: through a client
//
// A caller sees the reply of a writing method only when its effects are durable. A method that returns an error, or
// panics, has no effect: the state is as it was before the call. A reading method must not change the state.
//
// A handler may run more than once for one call, when what it did could not be committed the first time. Effects
// outside of the actor are therefore not undone and may be repeated; those on other actors, by Method.Call, happen
// once.
//
// What must follow from a handler's commit, and no less, is sent (Method.Send) or set as an alarm (Method.Alarm):
// both are stored with the state and done later, by whatever node has the actor then.
//
// Requests, replies, state and values are encoded as msgpack. Struct fields are named by a msgpack tag, else by a
// json tag, else by their Go name; unknown fields are ignored, missing ones are zero, so a struct can gain and lose
// fields. Renamed and WithVersion are for other changes.
package actor
