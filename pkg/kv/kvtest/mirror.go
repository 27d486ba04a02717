// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// mirror follows what the transactions of a script write, to know where there are versionstamps in values, and what
// becomes of them: stamps differ from store to store, and so does what an atomic operation computes from their bytes.
type mirror struct {
	// states are all there have been, by the number of commits before.
	states []mirrorState
	// stamps are of the committed transactions, in their order; nil if unknown.
	stamps [][]byte
	txs    [scriptTxs]mirrorTx
}

// mirrorState is values by their keys, which are relative and in hex: their order is that of the keys.
type mirrorState map[string]mirrorValue

type mirrorValue struct {
	bytes []byte
	// stamps are the numbers of the transactions whose stamps lie in the value, by where they begin.
	stamps map[int]int
	// mixed: an operation has computed with the bytes of a stamp.
	mixed bool
}

type mirrorTx struct {
	base   mirrorState
	writes []step
}

func newMirror(initial [][2]string) mirror {
	first := mirrorState{}
	for _, pair := range initial {
		first[pair[0]] = mirrorValue{bytes: unhex(pair[1])}
	}
	return mirror{states: []mirrorState{first}}
}

func (m *mirror) last() mirrorState { return m.states[len(m.states)-1] }

// follow takes note of a step that the store has done, and of the stamp of one that has committed.
func (m *mirror) follow(s step, committed bool, stamp []byte) {
	tx := &m.txs[s.T]
	switch s.Op {
	case "begin", "reset":
		*tx = mirrorTx{base: m.last()}
	case "begin_at":
		*tx = mirrorTx{base: m.states[s.Of+1]}
	case "commit":
		if committed {
			m.stamps = append(m.stamps, stamp)
			m.states = append(m.states, m.after(m.last(), tx.writes))
		}
	default:
		tx.writes = append(tx.writes, s)
	}
}

// view is what transaction t reads.
func (m *mirror) view(t int) mirrorState { return m.after(m.txs[t].base, m.txs[t].writes) }

func (m *mirror) after(state mirrorState, writes []step) mirrorState {
	next := maps.Clone(state)
	for _, s := range writes {
		m.write(next, s)
	}
	return next
}

func (m *mirror) write(state mirrorState, s step) {
	switch s.Op {
	case "set":
		state[s.K] = mirrorValue{bytes: unhex(s.V)}
	case "clear":
		delete(state, s.K)
	case "clear_range":
		maps.DeleteFunc(state, func(key string, _ mirrorValue) bool { return s.B <= key && key < s.E })
	case "set_versionstamped_value":
		state[s.K] = m.stamped(unhex(s.V))
	default:
		if op, ok := atomicOps[s.Op]; ok {
			state.atomic(op, s.K, unhex(s.V))
		}
	}
}

// stamped is the value of a versionstamped operation of the newest transaction.
func (m *mirror) stamped(template []byte) mirrorValue {
	at, ok := kv.StampOffset(template)
	if !ok {
		return mirrorValue{}
	}
	n := max(len(m.stamps)-1, 0) // before the commit such a value can't be read
	value := template[:len(template)-kv.StampOffsetBytes]
	if n < len(m.stamps) {
		copy(value[at:], m.stamps[n])
	}
	return mirrorValue{bytes: value, stamps: map[int]int{at: n}}
}

func (state mirrorState) atomic(op kv.AtomicOp, key string, param []byte) {
	old := state[key]
	value := applyAtomic(op, old.bytes, param)
	if value == nil {
		delete(state, key)
		return
	}
	if op == kv.AtomicAppendIfFits || op == kv.AtomicCompareAndClear { // which leave the bytes where they are
		state[key] = mirrorValue{bytes: value, stamps: old.stamps, mixed: old.mixed}
		return
	}
	state[key] = mirrorValue{bytes: value, mixed: old.mixed || len(old.stamps) > 0}
}

// encode writes a value that a store gave as recordings have it.
func (m *mirror) encode(value string, known mirrorValue) string {
	b := unhex(value)
	for _, at := range slices.Backward(slices.Sorted(maps.Keys(known.stamps))) {
		n := known.stamps[at]
		if stamp := m.stamps[n]; len(stamp) > 0 && at <= len(b) && bytes.HasPrefix(b[at:], stamp) {
			value = value[:2*at] + stampName(n) + value[2*(at+len(stamp)):]
		}
	}
	return value
}

// decode is what the store has to give where a recording has value: with its own stamps, and what follows from them.
func (m *mirror) decode(value string, known mirrorValue) string {
	if known.mixed {
		return hex.EncodeToString(known.bytes)
	}
	for n, stamp := range m.stamps {
		value = strings.ReplaceAll(value, stampName(n), hex.EncodeToString(stamp))
	}
	return value
}

func stampName(n int) string { return fmt.Sprintf("<stamp %d>", n) }
