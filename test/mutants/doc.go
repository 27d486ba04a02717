// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package mutants plants defects in the source of the product, one at a time, and runs the simulator, or tests, of
// what that makes: they must find it. Where `kelpie sim --bug` plants a defect around a node, by what it is given,
// this plants it within.
//
// A mutant is a few replacements of text in files, which `go build` and `go test` see by -overlay: nothing in the
// tree changes. Some are defects only together, and each half by itself is none: what one of them spoils another one
// makes up for. These must pass, which shows that the second is of use.
//
// `go test` checks that the texts to be replaced are there; `make mutants` builds them all and hunts them.
package mutants
