// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Command bench measures a node on a store by `kelpie bench`. It is a step of testfdb.
package main
