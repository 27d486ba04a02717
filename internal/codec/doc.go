// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package codec encodes what actors are called with, answer and keep: as msgpack, with equal encodings for equal
// values, and with limits that hostile input can't exceed.
package codec
