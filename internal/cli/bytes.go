// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a number of bytes, as a flag: 1000, 64KiB, 2GB.
type Bytes int64

// byteUnits are the units that a number of bytes may have, those of which one ends another before it.
var byteUnits = []struct {
	name string
	size int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// String implements pflag.Value.
func (b *Bytes) String() string {
	for _, u := range byteUnits[:4] {
		if n := int64(*b); n >= u.size && n%u.size == 0 && n/u.size < 1<<10 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Set implements pflag.Value.
func (b *Bytes) Set(s string) error {
	digits, size := s, int64(1)
	for _, u := range byteUnits {
		if d, ok := strings.CutSuffix(s, u.name); ok {
			digits, size = strings.TrimSpace(d), u.size
			break
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0) || n*float64(size) > math.MaxInt64/2 || n*float64(size) != math.Trunc(n*float64(size)) {
		return fmt.Errorf("%q is not a number of bytes; write a number such as 1000000, 64KiB or 2GB", s)
	}
	*b = Bytes(n * float64(size))
	return nil
}

// Type implements pflag.Value: what the help calls it.
func (b *Bytes) Type() string { return "size" }
