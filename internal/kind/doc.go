// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package kind is what a node knows of a kind of actors: its settings and its methods, without the types of their
// author. Package actor fills a Spec in, and a node runs it. Authors of actors see nothing of it.
package kind
