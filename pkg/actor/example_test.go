// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package actor_test

import (
	"context"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/actor/actortest"
)

// Cart is the state of one shopping cart.
type Cart struct {
	Items map[string]int `json:"items"`
}

// Item is what goes into it.
type Item struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Carts are the actors cart/ID.
var Carts = actor.New[Cart]("cart")

// Put adds to a cart, and returns how many of the item are in it.
var Put = actor.Write(Carts, "put", func(_ *actor.Context, c *Cart, in Item) (int, error) {
	if in.Count < 1 {
		return 0, actor.Errorf("bad_count", "count %d of %s: must be positive", in.Count, in.Name)
	}
	if c.Items == nil {
		c.Items = make(map[string]int)
	}
	c.Items[in.Name] += in.Count
	return c.Items[in.Name], nil
})

// Declaring a method returns a reference that calls it. Outside of handlers a client makes the call. Here
// actortest stands for one.
func Example() {
	ctx := context.Background()
	c := actortest.New(Carts) // client.Dial(ctx, client.Options{Addrs: []string{"127.0.0.1:7600"}})

	alice := Put.On(c, "alice")
	for range 2 {
		n, err := alice.Call(ctx, Item{Name: "apple", Count: 3})
		fmt.Println(n, err)
	}
	_, err := alice.Call(ctx, Item{Name: "pear"})
	fmt.Println(err)
	// Output:
	// 3 <nil>
	// 6 <nil>
	// application: count 0 of pear: must be positive
}
