// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// DetailRefused is the detail of an error with CodeNoCapacity that says why a node does not take an actor: one of
// Refused...
const DetailRefused = "refused"

const (
	// RefusedFull: the node is at its capacity, and all its actors are busy.
	RefusedFull = "full"
	// RefusedMemory: its activations take more bytes than its limit, and all of them are busy.
	RefusedMemory = "memory"
	// RefusedDraining: it is being emptied.
	RefusedDraining = "draining"
	// RefusedStopping: it ends.
	RefusedStopping = "stopping"
	// RefusedLeaving: it is where the actor is to be moved away from.
	RefusedLeaving = "leaving"
	// RefusedVersion: its program knows only earlier versions of the actor's state, which has the version that
	// DetailStateVersion says.
	RefusedVersion = "state_version"
)

// DetailStateVersion is the detail of an error with CodeNoCapacity, refused for RefusedVersion: the version of the
// actor's state, in decimal digits.
const DetailStateVersion = "state_version"
