// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Command kelpie is a node of virtual actors, and the tool to look into a cluster and to steer it.
//
// Every command is a function of its process: arguments, streams, environment and signals come in by
// cli.Process, the exit code comes back. So all of them are tested within a test's process. Commands parse,
// ask and print: what they do is done below, in packages host and client and by the nodes.
//
// A file holds a noun. The man pages, the completions and the documents of commands and exit codes are
// generated from the commands: see TestGenerated.
package main
