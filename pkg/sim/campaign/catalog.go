// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package campaign

import (
	"slices"

	"github.com/kelpiehq/kelpie/pkg/sim"
)

// Catalog is that of the simulator, with the checker Determinism behind its checkers.
func Catalog() []sim.Item {
	items := sim.Catalog()
	for i, item := range slices.Backward(items) {
		if item.Kind == "checker" {
			return slices.Insert(items, i+1, sim.Item{
				Kind: item.Kind, Name: Determinism, Description: "a seed that is run twice takes the same steps twice",
			})
		}
	}
	return items
}
