// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Command bank is a node that hosts bank accounts: actors of one's own, with typed state and methods. See README.md
// for how to run it.
package main
