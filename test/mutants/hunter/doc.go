// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Command hunter runs seeds of the simulator, in order, until one of the named checkers finds something. It is small
// because package mutants builds it for every mutant.
package main
