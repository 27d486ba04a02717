// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem_test

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// conduit is a link, both ends of which are known.
type conduit struct {
	hosts  [2]string
	ends   [2]rpc.Link
	closed [2]bool // by the test
	cut    bool
}

// stream is one direction of one class of a link.
type stream struct {
	*conduit
	name     string
	class    rpc.Class
	from, to int
	sentAt   []time.Duration // when Send was called
	sizes    []int
	sent     int // of them, those for which Send has returned nil
	received int
	ended    error
	waited   bool // a Send has waited for room
}

func (st *storm) connect(i int) {
	from := st.rnd.IntN(len(stormHosts))
	to := (from + 1 + st.rnd.IntN(2)) % len(stormHosts)
	c := &conduit{hosts: [2]string{stormHosts[from], stormHosts[to]}}
	addr := fmt.Sprintf("%s:%d", c.hosts[1], 100+i)
	l := listen(st.t, st.n.Transport(st.e, c.hosts[1]), addr)
	var err error
	if c.ends[0], err = st.n.Transport(st.e, c.hosts[0]).Dial(background, addr); err != nil {
		st.t.Fatal(err)
	}
	if c.ends[1], err = l.Accept(); err != nil {
		st.t.Fatal(err)
	}
	c.ends[0].Greeted()
	c.ends[1].Greeted()
	if err := l.Close(); err != nil {
		st.t.Error(err)
	}
	st.conduits = append(st.conduits, c)
	for class := range rpc.Class(rpc.Classes) {
		for from := range 2 {
			name := fmt.Sprintf("link %d, %s to %s, class %v", i, c.hosts[from], c.hosts[1-from], class)
			st.streams = append(st.streams, &stream{conduit: c, name: name, class: class, from: from, to: 1 - from})
		}
	}
}

func (x *stream) route() [2]string { return [2]string{x.hosts[x.from], x.hosts[x.to]} }

// frame returns the frame of that number in the stream.
func (x *stream) frame(i int) []byte { return frame(i, x.sizes[i]) }

func (st *storm) send(x *stream) {
	large := st.rnd.IntN(30) == 0
	for len(x.sentAt) < stormFrames {
		st.nap(10 * time.Millisecond)
		began := st.now()
		var parts [][]byte
		for range 1 + st.rnd.IntN(3) {
			size := 8 + st.rnd.IntN(50)
			if large {
				size = 300 << 10
			}
			x.sizes = append(x.sizes, size)
			x.sentAt = append(x.sentAt, began)
			b := x.frame(len(x.sizes) - 1)
			half := st.rnd.IntN(len(b)) // a frame may be sent in pieces
			parts = append(parts, b[:half], b[half:])
		}
		err := x.ends[x.from].Send(x.class, parts)
		x.waited = x.waited || st.now() > began
		for _, part := range parts {
			clear(part) // it is the sender's again
		}
		if err != nil {
			st.mayFail(x, err)
			return
		}
		x.sent = len(x.sentAt)
	}
}

// mayFail checks that there is a reason for an error.
func (st *storm) mayFail(x *stream, err error) {
	if !st.breaks && !x.cut && !x.closed[0] && !x.closed[1] {
		st.t.Errorf("%s: %v", x.name, err)
	}
}

func (st *storm) receive(x *stream) {
	for {
		got, err := x.ends[x.to].Receive(x.class)
		if err != nil {
			x.ended = err
			st.mayFail(x, err)
			return
		}
		i := x.received
		if i >= len(x.sentAt) {
			st.t.Errorf("%s: a frame of %d bytes too many", x.name, len(got))
			return
		}
		x.received++
		st.compare(x, i, got)
		st.punctual(x, i)
		if st.rnd.IntN(20) == 0 {
			x.waited = true // the next ones wait here
			st.nap(30 * time.Millisecond)
		}
	}
}

// compare checks a frame against what was sent in its place.
func (st *storm) compare(x *stream, i int, got []byte) {
	want, flipped := x.frame(i)[4:], 0
	if len(got) != len(want) {
		st.t.Errorf("%s: frame %d has %d bytes, want %d", x.name, i, len(got), len(want))
		return
	}
	for k := range got {
		flipped += bits.OnesCount8(got[k] ^ want[k])
	}
	if flipped == 1 {
		st.mismatched++
	}
	if flipped > 1 {
		st.t.Errorf("%s: frame %d differs in %d bits: % x", x.name, i, flipped, got[:8])
	}
}

// punctual checks when a frame came.
func (st *storm) punctual(x *stream, i int) {
	now, earliest := st.now(), x.sentAt[i]+st.delayMin
	since, blocked := st.blockedSince[x.route()]
	switch {
	case now < earliest:
		st.t.Errorf("%s: frame %d came %v too early", x.name, i, earliest-now)
	case blocked && since < earliest:
		st.t.Errorf("%s: frame %d came through a block, after %v", x.name, i, now-since)
	case !st.everBlocked && !x.waited && now > x.sentAt[i]+st.delayMax:
		st.t.Errorf("%s: frame %d took %v, at most %v is allowed", x.name, i, now-x.sentAt[i], st.delayMax)
	}
}
