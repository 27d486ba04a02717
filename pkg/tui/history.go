// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import "github.com/kelpiehq/kelpie/pkg/api"

// historyKept is how many refreshes the view remembers.
const historyKept = 120

// history is what was seen of the nodes, and of all together, by refreshes. What was not seen is -1.
type history struct {
	rate, p99         map[string][]float64
	totalRate, totalP []float64
}

func newHistory() *history {
	return &history{rate: make(map[string][]float64), p99: make(map[string][]float64)}
}

// add remembers a refresh.
func (h *history) add(s *api.ClusterStats) {
	total, p99 := -1.0, -1.0
	seen := make(map[string]bool)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		seen[n.Node] = true
		rate, p := -1.0, -1.0
		if n.Stats != nil {
			rate, p = n.Stats.Rate, float64(n.Stats.P99Micros)
			total, p99 = max(total, 0)+rate, max(p99, p)
		}
		h.rate[n.Node], h.p99[n.Node] = push(h.rate[n.Node], rate), push(h.p99[n.Node], p)
	}
	for node := range h.rate {
		if !seen[node] {
			delete(h.rate, node)
			delete(h.p99, node)
		}
	}
	h.totalRate, h.totalP = push(h.totalRate, total), push(h.totalP, p99)
}

func push(values []float64, v float64) []float64 {
	if len(values) == historyKept {
		values = append(values[:0], values[1:]...)
	}
	return append(values, v)
}
