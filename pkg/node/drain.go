// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

// draining reports whether the node takes no actors that it does not own.
func (n *Node) draining() bool { return n.emptying.Load() }
