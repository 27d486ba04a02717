// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"fmt"
)

// Meta looks at the cluster's meta, after all pairs: without one, or with one that nodes refuse, the rest is no
// cluster, however whole it is. Errors are Get's.
func (c *Checker) Meta(ctx context.Context) error {
	value, err := c.Get(ctx, metaKey)
	if err == nil {
		err = c.counters(ctx)
	}
	if err != nil {
		return err
	}
	var m Meta
	switch {
	case value == nil && c.ours():
		c.report(metaKey, "", "is missing: nodes would take the store for an empty one, and found a new cluster "+
			"in it")
	case value == nil || decodeRecord(metaKey, value, &m) != nil: // the pair itself has been reported
	case m.Schema == SchemaRestoring:
		c.report(metaKey, "", "is an unfinished restore, and nodes refuse the store: restore again with --force")
	case m.Schema != SchemaVersion:
		c.report(metaKey, "", fmt.Sprintf("has schema %d, and this version speaks %d: check it with the version that "+
			"it is of", m.Schema, SchemaVersion))
	case m.ClusterID == "":
		c.report(metaKey, "", "has no cluster id: nodes take the store for an empty one")
	default:
		if err := ValidateTimes(m.LeaseTTL, m.Heartbeat); err != nil {
			c.report(metaKey, "", fmt.Sprintf("has times that no cluster has: a lease of %v, a heartbeat of %v",
				m.LeaseTTL, m.Heartbeat))
		}
	}
	return nil
}

// ours reports whether there is any key of Kelpie's.
func (c *Checker) ours() bool {
	for kind := range c.Kinds { //kelpie:unordered the answer is the same in any order
		if kind != "" {
			return true
		}
	}
	return false
}
