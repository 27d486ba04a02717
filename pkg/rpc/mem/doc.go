// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package mem is a network within a process: an rpc.Transport for tests and simulations, whose hosts can be cut off
// and partitioned, and whose Conditions delay, corrupt and break what is sent. It blocks only through env, so that it
// works in a simulated Env as well as in the real one.
//
// A Network has hosts, each with a Transport of its own. What one end of a link sends in a class arrives in the order
// in which it was sent, and all of it, or the link breaks; nothing of a link comes through a Block, neither frames
// nor the news that it has ended. It is safe for concurrent use.
package mem
