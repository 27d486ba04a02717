// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package shells tests what "make install" installs, as its users meet it: completions in real shells at a real
// terminal, which tmux is, asking a real node; and man pages in a real formatter. A test is skipped where its tool is
// missing, and fails there under CI: see internal/testtools.
package shells
