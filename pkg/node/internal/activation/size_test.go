// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"reflect"
	"testing"
)

// Most actors have nothing to do by themselves: what they take must not grow for those that do.
func TestAnActivationKeepsItsSize(t *testing.T) {
	if size := reflect.TypeFor[Activation]().Size(); size > 128 {
		t.Errorf("an activation takes %d bytes: beyond 128 the allocator gives it 144", size)
	}
}
