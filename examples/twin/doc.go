// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Command twin is a node that hosts twins of devices: each knows what its device last reported, and when it went
// silent. It teaches alarms: an actor sets one for itself, and it goes off once, whatever becomes of the node and
// whether anybody calls.
package main
