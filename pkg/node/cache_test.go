// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
)

func TestTheCacheForgetsTheLeastRecentlyUsed(t *testing.T) {
	id := func(s string) api.ActorID { return api.ActorID{Namespace: "n", ID: s} }
	c := newPlacementCache(2)
	c.put(id("a"), "1")
	c.put(id("b"), "2")
	c.get(id("a"))
	c.put(id("c"), "1")
	if _, ok := c.get(id("b")); ok {
		t.Error("b is remembered, though used least recently")
	}
	c.remove(id("a"), "other")
	if addr, ok := c.get(id("a")); !ok || addr != "1" {
		t.Errorf("a is at %q %v", addr, ok)
	}
	c.removeAll("1")
	if len(c.entries) != 0 || c.order.Len() != 0 {
		t.Errorf("%d entries, %d in order", len(c.entries), c.order.Len())
	}
}
