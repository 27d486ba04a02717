// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package tutorial has only tests: they do what docs/tutorial.md tells its reader to do, and compare what comes of it.
package tutorial
