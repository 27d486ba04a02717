// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kelpie_next

package api

// LaterFields is how many fields AppendLater appends.
const LaterFields = 2

// AppendLater appends fields that the present version does not know, and must pass over.
func AppendLater(b []byte) []byte {
	b = AppendString(b, "of the next version")
	return AppendArrayHeader(b, 0)
}
