// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// check returns an error for a script that can't be played, as one may be that was written by hand or cut.
func (s script) check() error {
	for _, pair := range slices.Concat(s.Initial, s.Final) {
		if _, err := hex.DecodeString(pair[0]); err != nil {
			return fmt.Errorf("script with seed %d, key %q: %w", s.Seed, pair[0], err)
		}
	}
	for _, pair := range s.Initial { // the final ones may have names of stamps
		if _, err := hex.DecodeString(pair[1]); err != nil {
			return fmt.Errorf("script with seed %d, value %q: %w", s.Seed, pair[1], err)
		}
	}
	var open [scriptTxs]bool
	commits := 0
	for i, st := range s.Steps {
		if err := st.check(&open, &commits); err != nil {
			return fmt.Errorf("script with seed %d, %w", s.Seed, stepError(i, st, err))
		}
	}
	return nil
}

// check follows which transactions are open, and how many have committed.
func (s step) check(open *[scriptTxs]bool, commits *int) error {
	if s.T < 0 || s.T >= scriptTxs {
		return fmt.Errorf("transaction %d, want 0 to %d", s.T, scriptTxs-1)
	}
	for _, text := range []string{s.K, s.V, s.B, s.E} {
		if _, err := hex.DecodeString(text); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	}
	begins := s.Op == "begin" || s.Op == "begin_at"
	switch {
	case s.Op == "begin_at" && (s.Of < 0 || s.Of >= *commits):
		return fmt.Errorf("of transaction %d, when %d have committed", s.Of, *commits)
	case !begins && !open[s.T]:
		return errors.New("the transaction has not begun")
	}
	open[s.T] = s.Op != "commit" && s.Op != "cancel"
	if s.Op == "commit" && string(s.Out) == `"`+committed+`"` {
		*commits++
	}
	return nil
}
