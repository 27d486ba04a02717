// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"sync/atomic"
	"time"
)

// schedule says when calls are due, as times since its beginning. It ends after some calls, or after some time, each
// unless 0.
type schedule struct {
	began time.Time
	calls int64
	until time.Duration
	rate  int64
	// taken counts the calls that were given out.
	taken atomic.Int64
	// due gives out the calls of an open loop; nil in a closed one.
	due chan time.Duration
}

// newSchedule returns one that begins now. What is due in an open loop is given out until ctx ends.
func newSchedule(ctx context.Context, calls int, until time.Duration, rate int) *schedule {
	s := &schedule{began: time.Now(), calls: int64(calls), until: until, rate: int64(rate)}
	if rate > 0 {
		s.due = make(chan time.Duration)
		go s.give(ctx)
	}
	return s
}

// next returns when the caller's next call is due, once it is; false if there is none.
func (s *schedule) next(ctx context.Context) (time.Duration, bool) {
	if s.due != nil {
		due, ok := <-s.due
		return due, ok
	}
	now := time.Since(s.began)
	if ctx.Err() != nil || s.until > 0 && now >= s.until {
		return 0, false
	}
	return now, s.calls == 0 || s.taken.Add(1) <= s.calls
}

// give gives out calls when they are due, or later, when there is a caller to take them.
func (s *schedule) give(ctx context.Context) {
	defer close(s.due)
	if s.until > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, s.began.Add(s.until))
		defer cancel()
	}
	for n := int64(0); s.calls == 0 || n < s.calls; n++ {
		due := s.at(n)
		if s.until > 0 && due >= s.until || !s.await(ctx, due) {
			return
		}
		select {
		case s.due <- due:
			s.taken.Add(1)
		case <-ctx.Done():
			return
		}
	}
}

// at returns when the nth call is due.
func (s *schedule) at(n int64) time.Duration {
	return time.Duration(n/s.rate)*time.Second + time.Duration(n%s.rate)*time.Second/time.Duration(s.rate)
}

// timerSlack is by how much a timer of the runtime may be late when nothing else happens: what is left then is waited
// for more exactly.
const timerSlack = 2 * time.Millisecond

// await waits until due, and returns false if ctx ends before.
func (s *schedule) await(ctx context.Context, due time.Duration) bool {
	if left := due - time.Since(s.began); left > timerSlack {
		timer := time.NewTimer(left - timerSlack)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	if left := due - time.Since(s.began); left > 0 {
		pause(left)
	}
	return ctx.Err() == nil
}

// unsent returns how many calls were due by a time and had not been taken.
func (s *schedule) unsent(by time.Duration) int64 {
	if s.rate == 0 {
		return 0
	}
	due := int64(by/time.Second)*s.rate + int64(by%time.Second)*s.rate/int64(time.Second)
	if s.at(due) < by {
		due++ // the one at 0 is the first
	}
	if s.calls > 0 {
		due = min(due, s.calls)
	}
	return max(0, due-s.taken.Load())
}
