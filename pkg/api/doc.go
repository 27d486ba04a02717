// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package api is the wire contract between Kelpie's processes: the names of
// methods, the requests and replies, the codes of errors, and the names of actors.
// It holds data and its encodings, no behaviour, and imports only the standard library.
package api
