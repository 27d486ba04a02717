// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package env is the seam between Kelpie and the world: the only way by which a
// simulated package reaches time, tasks, randomness and blocking.
//
// Env is what a world has to offer. Everything else here is built on it once,
// and behaves the same in every world:
//
//   - contexts that follow the Env's clock: WithCancel, WithTimeout, OnDone;
//   - Sleep, Task and Group, which start, stop and wait for tasks;
//   - Future and Event, Queue, Mutex, Semaphore and Cond, which block.
//
// Real is production. Package coro is a world under a seed, where the same code
// takes the same steps every time. Package envtest runs a test in both.
//
// What blocks takes a context, and returns the cause of its end, as
// context.Cause has it. What can be done at once is done even if the context
// has ended. Tasks that wait are served in the order of their arrival. What was
// handed to a task that gives up at that moment, or is killed, goes to the next one.
//
// A simulated package promises in return: no goroutines, channels, clocks or
// random numbers of its own; sync.Mutex only for short sections that never block;
// no order that comes from a map; and to panic again with what Killed knows.
//
// Everything is safe for concurrent use unless it says otherwise.
package env
