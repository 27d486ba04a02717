// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Command ratelimit is a node that hosts rate limiters, one actor for each client of an API. It teaches volatile
// actors: their state is in memory alone, so a call costs no write, and a limiter begins full again after a failure.
package main
