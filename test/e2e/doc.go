// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the binary as its users run it: stores and nodes are processes of their own, and die of real
// signals. Each test says what callers may see of that; what exactly the promises are, and their
// bounds in time, is tested in the packages that keep them, in virtual time. Here it is asserted that it happens, and
// figures are logged (go test -v).
//
// Callers send every call to an address of their choice and try again only what has certainly not
// run, so that a test sees every error that a client could.
//
// With -e2e.store fdb:CLUSTERFILE clusters run on a FoundationDB that there is, each in a part of its own.
package e2e
