// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !kelpie_next

package api

// LaterFields is how many fields AppendLater appends: those by which a later version would extend arrays that are
// sent and stored. There are none yet. The build of later_next.go has some, for tests of rolling upgrades.
const LaterFields = 0

// AppendLater appends the fields of a later version.
func AppendLater(b []byte) []byte { return b }
