// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package statekeys

// Leftover reports whether keys with a first element stay when their actor is deleted: its answers, so that no repeat
// of a call that it has had runs again, and its marks, so that no message does.
func Leftover(first string) bool {
	switch first {
	case "b", "i", "j", "r":
		return true
	}
	return false
}
