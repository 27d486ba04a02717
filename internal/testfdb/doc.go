// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Command testfdb runs the tests that need FoundationDB, on servers of its own: `make test-fdb`.
//
// It starts one fdbserver, and then three with every key on two of them, each cluster on loopback, in a temporary
// directory, with a cluster file of its own, and runs on each the conformance suite with the scripts that a real
// FoundationDB answered, nodes on goroutines under the race detector, clusters of real processes, chaos, and
// measurements. While there is chaos over three servers, one server after the other is killed and started again.
//
// When a step fails, it shows the cluster's status, what its servers have said, and the warnings and errors in their
// trace files.
//
// It fails, in one line, where fdbserver or fdbcli is missing or of another line of releases; $FDBSERVER and $FDBCLI
// name others than those in $PATH. It ends only the processes that it has started, and all of them, however it ends.
package main
