// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package chaos holds the binary against what it promises while its processes are killed, paused and stopped at
// random: no call fails, every acknowledged change counts once, and every actor's history is linearizable. `go test`
// does it for 20 seconds, `make chaos` for CHAOSTIME.
//
// What the nemesis does, to whom and for how long is drawn from a seed, which is printed; -chaos.seed gives it. The
// processes are real, so the same seed does the same things at about the same times, but is not certain to fail in
// the same way: what must be reproducible is found by the simulator.
//
// With -chaos.store fdb:CLUSTERFILE the nodes run on a FoundationDB that there is, and only they are harmed.
package chaos
