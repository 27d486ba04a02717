// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package mem is a network within a process: an rpc.Transport for tests, whose links can be
// cut, partitioned and delayed. It blocks only through env, so that it works in a
// simulated Env as well as in the real one.
//
// A Network has hosts, each with a Transport of its own. Frames of a link arrive in order, or
// the link breaks. It is safe for concurrent use.
package mem
