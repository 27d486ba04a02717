// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
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

// A fake stands for the cluster in the tests of code that takes an actor.Caller.
func Example_fake() {
	n, err := add.On(fake{}, "visits").Call(context.Background(), 1)
	fmt.Println(n, err)
	// Output:
	// 42 <nil>
}

type fake struct{}

func (fake) CallRaw(context.Context, actor.ID, string, []byte, ...api.CallOption) ([]byte, error) {
	return actor.Marshal(42)
}

func ExampleDial_badAddress() {
	_, err := client.Dial(context.Background(), client.Options{Addrs: []string{"node-1"}})
	fmt.Println(err)
	// Output:
	// invalid_argument: client: "node-1" is not the address of a node: want HOST:PORT, such as 10.0.0.1:7600
}
