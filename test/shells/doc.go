// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package shells tests what "make install" installs, as its users meet it: completions in real shells at a real terminal, which
// tmux is, asking a real node; and man pages in a real formatter. It says which tools are missing and how to install them: to pass
// without them would be to test nothing.
package shells
