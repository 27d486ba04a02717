// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package housetest keeps the rules of the house, as tests over the whole source tree: which package may import which
// (imports.go), what simulated packages must not do (determinism.go, locks.go), who may write the store (writes.go),
// how files begin and what they never hold (text.go), what must be documented (comments.go), and that links between
// documents lead somewhere (links.go).
//
// A rule is a function from source to findings; one test applies it to the tree and another to small pieces of source
// that break it. Every finding says why the rule is there and what to do instead. Nothing imports this package.
package housetest
