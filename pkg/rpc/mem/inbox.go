// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem

import (
	"io"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// inbox holds what is on its way to an end, and what has arrived there, in one class.
type inbox struct {
	transit []parcel // by time of arrival
	arrived [][]byte
	bytes   int
	lastAt  time.Duration // when the last that was sent arrives
	reader  env.Parker
	ended   bool // nothing more will come, and what has arrived may still be read
}

// parcel is a frame on its way.
type parcel struct {
	frame  []byte
	at     time.Duration // arrival, on the clock of the network's env
	broken bool          // the link breaks instead of its arrival
}

// add puts a frame on its way behind those that were sent before, and returns when it arrives.
func (in *inbox) add(frame []byte, at time.Duration, broken bool) time.Duration {
	in.lastAt = max(in.lastAt, at)
	in.transit = append(in.transit, parcel{frame, in.lastAt, broken})
	in.bytes += len(frame)
	return in.lastAt
}

// advance lets arrive what is due, and reports whether the link breaks by it.
func (in *inbox) advance(now time.Duration) (broken bool) {
	for len(in.transit) > 0 && in.transit[0].at <= now {
		if in.transit[0].broken {
			return true
		}
		in.arrived = append(in.arrived, in.transit[0].frame)
		in.transit[0].frame = nil
		in.transit = in.transit[1:]
		in.reader.Unpark()
	}
	return false
}

// take returns the oldest frame that has arrived, nil if none has; io.EOF after the last one.
func (in *inbox) take() ([]byte, error) {
	switch {
	case len(in.arrived) > 0:
		frame := in.arrived[0]
		in.arrived[0] = nil
		in.arrived = in.arrived[1:]
		in.bytes -= len(frame)
		return frame, nil
	case in.ended:
		return nil, io.EOF
	}
	return nil, nil
}
