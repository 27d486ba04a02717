// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package mem

import "time"

// Fate is what becomes of a frame on its way.
type Fate uint8

const (
	// Deliver lets the frame arrive as it was sent.
	Deliver Fate = iota
	// Corrupt flips a bit of it, at a place given by its length and by how many were corrupted before: the
	// receiver's check of the frame breaks the connection.
	Corrupt
	// Break resets the connection at both ends, when the frame would have arrived.
	Break
)

// Conditions decide how the network treats what is sent. Hosts are named as they were to Network.Transport.
//
// The methods are called with the network's lock held: they must not call the network, nor block. Under one
// scheduler they are called in an order that follows from the seed.
type Conditions interface {
	// Delay is how long a frame from one host to another takes, and how long a dial takes; less than
	// zero is zero. It is asked once for each frame, for each dial, and for the news that a link was closed.
	Delay(from, to string) time.Duration
	// Frame decides the fate of a frame, once, when it is sent.
	Frame(from, to string) Fate
	// Dial returns why a host can't connect to another (refused, no file handles...), or nil. It is asked
	// when the dial has arrived, not while that is blocked.
	Dial(from, to string) error
}

// SetConditions makes c decide about what is sent from now on, and about links that are dialled; it takes the place of
// SetLatency while set. With nil, the network is as without: all is delivered, after the latency. What is on its way
// keeps its time of arrival and its fate.
func (n *Network) SetConditions(c Conditions) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conditions = c
}

// delayMax is the longest delay, so that no sum of times overflows.
const delayMax = 10 * 365 * 24 * time.Hour

// delay returns how long something takes from one host to another. The lock is held.
func (n *Network) delay(from, to string) time.Duration {
	d := n.latency
	if n.conditions != nil {
		d = n.conditions.Delay(from, to)
	}
	return min(max(d, 0), delayMax)
}

// fate decides about a frame. The lock is held.
func (n *Network) fate(from, to string) Fate {
	if n.conditions == nil {
		return Deliver
	}
	return n.conditions.Frame(from, to)
}

// refusal returns why a dial that has arrived fails. The lock is held.
func (n *Network) refusal(from, to string) error {
	if n.conditions == nil {
		return nil
	}
	return n.conditions.Dial(from, to)
}

// corruptStride is a prime, so that bits all over a frame get their turn.
const corruptStride = 7919

// corrupt flips a bit of a frame. The lock is held.
func (n *Network) corrupt(frame []byte) {
	bits := uint64(len(frame)) * 8
	bit := n.corrupted * corruptStride % bits
	n.corrupted++
	frame[bit/8] ^= 1 << (bit % 8)
}
