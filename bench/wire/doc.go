// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package wire compares ways to carry a small call between two processes on one machine: Kelpie's
// rpc, gRPC's unary calls, and bare TCP with a connection per caller, which is the most that
// can be had without sharing connections.
//
//	go test -bench . ./wire
//
// Figures of different runs, or machines, do not compare; the ratios that BenchmarkEcho
// prints, measured in turns within one run, do.
package wire
