// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package statekeys lays out what the store has of one actor, below the prefix that package registry gives the actor.
// Every key is a tuple whose first element says what is stored there.
//
// The order of the first elements is part of the layout. An activation reads from Alarms to the end of Struct, in one
// range: what the actor has to do, its dedup table, its state struct. What lies outside is read when it is needed.
package statekeys
