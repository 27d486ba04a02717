// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package model explores Kelpie's protocols exhaustively, as small state machines of what is stored, what nodes
// believe, and what is on its way. It is a model: it shares no code with the product, and a rule that the product
// must keep is a flag here. With all rules, no reachable state breaks a promise. Without any one of them some state
// does, and the explorer prints the shortest way there.
//
// There is one machine for each part, as one machine of everything would be too large to explore:
//
//   - claims.go: who owns an actor, and whether what it reads and commits is current (rules R1 to R8);
//   - keys.go, named.go: calls that are repeated under their keys;
//   - nested.go: calls that the handlers of other calls, alarms and messages make;
//   - sends.go: messages from one actor to another;
//   - due.go: who looks after an actor that has something to do.
//
// The later machines take what the first one proves for granted: an actor's transactions happen one after the other,
// each as a whole, and only its owner makes them.
//
// `go test` explores small budgets, and every machine without each of its rules. `make model` explores large budgets.
// README.md has the sizes.
package model
