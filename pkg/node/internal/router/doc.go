// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package router takes a call to its actor: to a mailbox of this node, or to the node that has the actor or is to have
// it. A call stays with the router until it is answered, or its deadline passes.
package router
