// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package simtest_test

import (
	"fmt"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/simtest"
)

// order asks for seats of a show. A client that has not heard what became of it sends it again.
type order struct {
	ID    string `json:"id"`
	Seats int    `json:"seats"`
}

// careless is what a show keeps whose author forgot something.
type careless struct {
	Sold int `json:"sold"`
}

// carelessShows sells seats, and means to sell those of an order that comes twice once. It remembers the orders in
// a variable of the process: on one machine, every test passes.
func carelessShows() actor.Kind {
	seen := make(map[string]bool)
	return actor.New[careless]("show").
		With(actor.WriteFunc("buy", func(_ *actor.Context, s *careless, o order) (int, error) {
			if seen[o.ID] {
				return s.Sold, nil
			}
			seen[o.ID] = true
			s.Sold += o.Seats
			return s.Sold, nil
		})).
		With(actor.ReadFunc("sold", func(_ *actor.Context, s *careless, _ struct{}) (int, error) {
			return s.Sold, nil
		}))
}

// careful is what a show keeps whose orders are part of its state: they move with it, and a call that is undone
// leaves none.
type careful struct {
	Sold   int             `json:"sold"`
	Orders map[string]bool `json:"orders"`
}

func carefulShows() actor.Kind {
	return actor.New[careful]("show").
		With(actor.WriteFunc("buy", func(_ *actor.Context, s *careful, o order) (int, error) {
			if s.Orders[o.ID] {
				return s.Sold, nil
			}
			if s.Orders == nil {
				s.Orders = make(map[string]bool)
			}
			s.Orders[o.ID] = true
			s.Sold += o.Seats
			return s.Sold, nil
		})).
		With(actor.ReadFunc("sold", func(_ *actor.Context, s *careful, _ struct{}) (int, error) { return s.Sold, nil }))
}

// boxOffice is clients that buy seats of a show, each order until they know that it went through, and what must be true
// then: what is sold is what they bought.
func boxOffice(shows func() actor.Kind) simtest.Config {
	show := actor.ID{Namespace: "show", ID: "1"}
	return simtest.Config{Seeds: 10, Calls: 40, Program: func() sim.Program {
		bought := 0
		return sim.Program{
			Kinds: func() []actor.Kind { return []actor.Kind{shows()} },
			Client: func(c *sim.Client) {
				for c.More() {
					o := order{ID: c.Unique(), Seats: 1 + c.IntN(4)}
					for c.Call(show, "buy", o, nil) != nil {
						c.Pause(100 * time.Millisecond)
					}
					bought += o.Seats
				}
			},
			Check: func(c *sim.Client) {
				var sold int
				if err := c.Surely(show, "sold", nil, &sold); err != nil || sold != bought {
					c.Errorf("%d seats are sold (%v), and %d were bought", sold, err, bought)
				}
			},
		}
	}}
}

// What an actor remembers in a variable of its process is lost when the actor moves, and stays when a call is undone.
// Neither happens on a laptop; both do within a few seeds.
func ExampleExplore() {
	report := func(who string, shows func() actor.Kind) {
		failure, err := simtest.Explore(boxOffice(shows))
		switch {
		case err != nil:
			fmt.Println(err)
		case failure != nil:
			fmt.Printf("%s: caught by the check called %s\n", who, failure.Violations[0].Checker)
		default:
			fmt.Printf("%s: nothing found\n", who)
		}
	}
	report("careless", carelessShows)
	report("careful", carefulShows)
	// Output:
	// careless: caught by the check called program
	// careful: nothing found
}
