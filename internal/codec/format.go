// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package codec

// What a value of msgpack is, by its first byte: https://github.com/msgpack/msgpack/blob/master/spec.md.

func isMap(format byte) bool    { return format&0xf0 == 0x80 || format == 0xde || format == 0xdf }
func isArray(format byte) bool  { return format&0xf0 == 0x90 || format == 0xdc || format == 0xdd }
func isString(format byte) bool { return format&0xe0 == 0xa0 || format >= 0xd9 && format <= 0xdb }
func isBinary(format byte) bool { return format >= 0xc4 && format <= 0xc6 }

func isBool(format byte) bool   { return format == 0xc2 || format == 0xc3 }
func isNil(format byte) bool    { return format == 0xc0 }
func isNumber(format byte) bool { return isInteger(format) || format == 0xca || format == 0xcb }

func isInteger(format byte) bool {
	return format < 0x80 || format >= 0xe0 || format >= 0xcc && format <= 0xd3
}
