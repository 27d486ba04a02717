// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"io"
	"testing"

	"golang.org/x/time/rate"

	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// counted counts what is read.
type counted struct{ read int }

func (c *counted) Read(p []byte) (int, error) {
	c.read += len(p)
	return len(p), nil
}

// A frame for which there is no room waits for its turn to be passed over. It would break the connection, and fail all
// calls on it, if that time counted as the peer's.
func TestTheTimeOfAFrameIsNotThatOfItsTurn(t *testing.T) {
	const length = 5*wasteAtOnce + 1
	l := &link{waste: rate.NewLimiter(rate.Inf, wasteAtOnce), account: rpc.NewBudget(0).Account()}
	l.account.Force(1 << 20) // nothing is left
	var from counted
	var told []int
	frame, err := l.readFrame(&from, length, func(n int) error {
		told = append(told, from.read, n)
		return nil
	})
	if _, none := errors.AsType[*rpc.NoRoomError](err); frame != nil || !none {
		t.Fatalf("%d bytes, %v", len(frame), err)
	}
	if from.read < length {
		t.Errorf("%d bytes were passed over", from.read)
	}
	expected := rpc.HeadBytesMax
	for i := 0; i < len(told); i += 2 {
		if told[i] < expected {
			t.Errorf("time began again after %d bytes, and not after %d", told[i], expected)
		}
		expected += told[i+1]
	}
	if expected != length {
		t.Errorf("there is time for %d bytes of %d: %v", expected, length, told)
	}
	gone := errors.New("gone")
	if _, err := l.readFrame(&from, length, func(int) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	if _, err := l.readFrame(io.LimitReader(&from, 5000), length, func(int) error { return nil }); !errors.Is(err,
		io.EOF) {
		t.Errorf("%v", err)
	}
}
