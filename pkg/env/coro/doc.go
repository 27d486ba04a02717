// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package coro is an env.Env in which nothing happens by itself: tasks are coroutines,
// one of which runs at a time, time is virtual, and a seed decides what
// comes next. The same program under the same seed takes the same steps, on any
// number of processors; another seed takes others.
//
// A Scheduler runs one program, once. Its Machines are the Envs of simulated
// processes, each with its own clock and its own random numbers, that can be paused and
// killed. A task runs until it parks. Then the scheduler picks, uniformly, among
// the tasks that can run and the next timer that is due; when there is nothing
// to pick, time jumps to the next timer. Computing takes no virtual time.
//
// What the program must do: reach time, tasks, randomness and blocking through
// the Env alone; never block otherwise (the whole program stands still); use no
// env.Foreign contexts. Parking outside of a task panics.
//
// Nothing here may be called from another goroutine while Run is under way, and
// a Scheduler needs no locks for that reason.
package coro
