// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package tuple encodes tuples as keys whose byte order is the order of the
// tuples, byte for byte as FoundationDB's tuple layer does
// (https://github.com/apple/foundationdb/blob/main/design/tuple.md).
//
// The elements of a tuple and what Unpack gives for them:
//
//	packed                  unpacked
//	nil                     nil
//	[]byte                  []byte
//	string                  string
//	int, int64, uint64,     int64 if it fits, else uint64 if it fits,
//	  *big.Int                else *big.Int
//	float32                 float32
//	float64                 float64
//	bool                    bool
//	UUID                    UUID
//	Versionstamp            Versionstamp
//	Tuple                   Tuple
//
// Pack and its kin panic on anything else, on integers of more than 255 bytes and on tuples nested deeper
// than NestingMax: these are mistakes of the program, not of its input. Unpack takes bytes from
// anywhere: it never panics, and accepts only what Pack would have produced, so that two different
// keys never unpack to the same tuple.
//
// All functions are pure: they may be called concurrently, and neither keep
// nor modify what they are given. What Unpack returns shares no memory with its input.
package tuple
