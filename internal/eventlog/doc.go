// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package eventlog puts together what several nodes tell of what has happened, and what they have stored of it: for
// nodes that answer for all, and for those who read the store. It holds no state.
package eventlog
