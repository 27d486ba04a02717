// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package host makes a node of a process: it turns flags and environment into a store, a transport
// and a running node, and signals into a graceful stop. The stock binary's "kelpie node start" is made of it, and
// so is any program that registers actors of its own:
//
//	func main() { host.Main(Carts, Orders) }
//
// It is the one place where the choice is made that package node leaves open: which store, which
// network, which world. It runs on the real one only.
//
// What a process has to offer (streams, environment, signals) comes in as a Process, so that commands
// can be run within tests. Functions may be called concurrently; two nodes of one process need
// different data directories, as two processes do.
package host
