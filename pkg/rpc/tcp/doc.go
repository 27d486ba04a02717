// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package tcp is the rpc.Transport of production: one yamux session over one TCP connection per link,
// with a stream for each class.
//
// Dialling and accepting open no more than that; who is at the other side is the
// business of package rpc's hello. It is safe for concurrent use.
package tcp
