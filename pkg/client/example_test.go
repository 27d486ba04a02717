// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/actor/actortest"
	"github.com/kelpiehq/kelpie/pkg/client"
)

// add is a method of the counters that every kelpie node hosts. A program that can import the kind has the reference
// from actor.Write.
var add = actor.Named[int64, int64]("counter", "add")

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{Addrs: []string{"127.0.0.1:7600", "127.0.0.1:7601"}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	n, err := add.On(c, "visits").Call(ctx, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n)
}

// Code under test takes an actor.Caller. Package actortest has one that runs the handlers; a fake of your own answers
// what the test wants.
func Example_fake() {
	n, err := add.On(fake{}, "visits").Call(context.Background(), 1)
	fmt.Println(n, err)
	// Output:
	// 42 <nil>
}

// fake answers every call with 42. It can't send: the Caller in it is nil.
type fake struct{ actor.Caller }

func (fake) CallRaw(context.Context, actor.ID, string, []byte, ...client.CallOption) ([]byte, error) {
	return actor.Marshal(42)
}

// A message is accepted durably and delivered once. Sent again under the same key, it is still the same message.
func ExampleSend() {
	ctx := context.Background()
	counters := actor.New[int64]("counter").With(actor.WriteFunc("add",
		func(_ *actor.Context, n *int64, by int64) (int64, error) { *n += by; return *n, nil }))
	c := actortest.New(counters) // client.Dial(ctx, ...) in a program

	for range 2 {
		id, err := add.On(c, "visits").Send(ctx, 5, client.WithIdempotencyKey("order 17"))
		fmt.Println(id, err)
	}
	fmt.Println(c.Deliver(ctx)) // a cluster does so by itself
	n, err := add.On(c, "visits").Call(ctx, 0)
	fmt.Println(n, err)
	// Output:
	// order 17 <nil>
	// order 17 <nil>
	// <nil>
	// 5 <nil>
}

func ExampleDial_badAddress() {
	_, err := client.Dial(context.Background(), client.Options{Addrs: []string{"node-1"}})
	fmt.Println(err)
	// Output:
	// invalid_argument: client: "node-1" is not the address of a node: want HOST:PORT, such as 10.0.0.1:7600
}
