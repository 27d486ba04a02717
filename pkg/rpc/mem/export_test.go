// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem

// Links returns how many links are open at one end at least, and how many dials wait for the end of a block.
func (n *Network) Links() (open, dialling int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.links), len(n.dialling)
}
