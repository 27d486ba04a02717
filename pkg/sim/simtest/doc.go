// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package simtest puts an author's own actors into a simulated cluster, from an ordinary go test.
//
// Each seed is a cluster of its own: so many nodes and clients, and so much that goes wrong. Nodes crash, pause and
// are parted from each other and from the store; actors get idle and move; answers are lost. The author says what the
// clients do, and what must be true in the end:
//
//	func TestCounter(t *testing.T) {
//		id := actor.ID{Namespace: "counter", ID: "1"}
//		simtest.Run(t, simtest.Config{Program: func() sim.Program {
//			added := 0 // as far as the clients know; anew for each seed
//			return sim.Program{
//				Kinds: func() []actor.Kind { return []actor.Kind{Counters()} },
//				Client: func(c *sim.Client) {
//					for c.More() {
//						if err := c.Surely(id, "add", 1, nil); err == nil {
//							added++
//						}
//					}
//				},
//				Check: func(c *sim.Client) {
//					var n int
//					if err := c.Surely(id, "get", nil, &n); err != nil || n != added {
//						c.Errorf("the counter is at %d (%v), after %d were added", n, err, added)
//					}
//				},
//			}
//		}})
//	}
//
// A seed that fails is reported with what happened, and with the command that runs it again. Explore looks for one
// without failing a test. The environment chooses seeds: KELPIE_SIM_SEED=17 runs that one alone, with its whole
// timeline; KELPIE_SIM_SEEDS=1000 runs so many, instead of what Config says.
//
// Seeds run side by side. Those of one Run share nothing but what the program takes from outside of Config.Program:
// it must take nothing from there that changes.
package simtest
