// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !kelpie_next

package rpc

// ProtocolVersion is the newest version of the protocol that this package speaks.
const ProtocolVersion = 1

// greet begins a connection with a server that speaks a later version as well: there is none yet. The next one is in
// version_next.go.
func (c *clientConn) greet() {}

// later reports whether a kind of frame is one of a later version.
func later(frameKind) bool { return false }
