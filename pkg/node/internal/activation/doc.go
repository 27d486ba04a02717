// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package activation is an actor in memory: it runs calls in batches on the actor's cached state, and answers them
// once their effects are committed through the actor's claim, or, where they have only read, once the claim is
// proved.
//
// batch.go is the path of an ordinary call. hooks.go runs what actors do at the beginning and the end, outbound.go
// calls other actors for a handler, scheduler.go sets alarms and sends messages, runs.go runs those that have come,
// trial.go has suspects run alone.
package activation
