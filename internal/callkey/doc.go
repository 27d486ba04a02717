// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package callkey gives calls their keys, for those who make calls: clients, and nodes on behalf of their own program.
package callkey
