// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Command chat is a node that hosts chat rooms, whose members come and go. It teaches how an actor keeps a small state
// and a long history apart, and how a repeating alarm lets members go who have fallen silent, without comparing clocks.
package main
