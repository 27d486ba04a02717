// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// scriptGuards is the number of keys on either side of a script's key space. They end
// the selectors that run out of it, which could otherwise conflict with another script.
const scriptGuards = 8

// player does the steps of one script on a store.
type player struct {
	*world
	prefix string
	txs    [scriptTxs]kv.Tx
	// versions are of the committed transactions, in their order.
	versions []kv.Version
	mirror   mirror
}

// answer is what a store says to a step. Values are in hex.
type answer struct {
	// text is the value of a get, the key of a selector, or how a commit ended.
	text string
	// none: the key has no value.
	none  bool
	pairs [][2]string
	err   error
}

// start begins a script in an empty key space.
func (w *world) start(prefix string, initial [][2]string) (*player, error) {
	p := &player{world: w, prefix: prefix, mirror: newMirror(initial)}
	tx := p.begin()
	for i := range scriptGuards {
		tx.Set(fmt.Appendf(nil, "%sj%d", p.prefix, i), nil)
		tx.Set(fmt.Appendf(nil, "%sm%d", p.prefix, i), nil)
	}
	for _, pair := range initial {
		tx.Set(p.key(pair[0]), unhex(pair[1]))
	}
	if err := tx.Commit(p.ctx); err != nil {
		return nil, fmt.Errorf("before the first step: %w", err)
	}
	return p, nil
}

// finish cancels what is open and returns all that there is.
func (p *player) finish() ([][2]string, error) {
	for _, tx := range p.txs {
		if tx != nil {
			tx.Cancel()
		}
	}
	pairs, more, err := p.begin().Range(p.ctx, p.key(""), p.key(scriptEnd), kv.RangeOptions{})
	if err == nil && more {
		err = errors.New("a range without a limit says that there is more")
	}
	if err != nil {
		return nil, fmt.Errorf("after the last step: %w", err)
	}
	return p.relativePairs(pairs), nil
}

// do does a step. An error that is no answer of the store's ends the script.
func (p *player) do(s step) (answer, error) {
	var a answer
	var stamp []byte
	switch s.Op {
	case "begin", "begin_at", "reset", "cancel":
		return answer{}, p.changes(s)
	case "get", "get_key", "range":
		a = p.reads(s)
	case "commit":
		a, stamp = p.commits(s)
	default:
		a.err = p.writes(s)
	}
	if codeOf(a.err) < 0 {
		return answer{}, a.err
	}
	p.mirror.follow(s, a.text == committed, stamp)
	return a, nil
}

// changes begins or ends a transaction, which does not fail.
func (p *player) changes(s step) error {
	defer p.mirror.follow(s, false, nil)
	switch s.Op {
	case "reset":
		p.txs[s.T].Reset()
	case "cancel":
		p.txs[s.T].Cancel()
		p.txs[s.T] = nil
		return nil
	default:
		if old := p.txs[s.T]; old != nil {
			old.Cancel()
		}
		p.txs[s.T] = p.begin()
	}
	if s.Op == "begin_at" {
		p.txs[s.T].SetReadVersion(p.versions[s.Of])
		return nil
	}
	_, err := p.txs[s.T].ReadVersion(p.ctx)
	return err
}

func (p *player) reads(s step) answer {
	var r kv.Reader = p.txs[s.T]
	if s.Snap {
		r = p.txs[s.T].Snapshot()
	}
	switch s.Op {
	case "get":
		value, err := r.Get(p.ctx, p.key(s.K))
		return answer{text: hex.EncodeToString(value), none: value == nil, err: err}
	case "get_key":
		key, err := r.GetKey(p.ctx, kv.KeySelector{Key: p.key(s.K), OrEqual: s.OrEqual, Offset: s.Offset})
		return answer{text: p.relative(key), err: err}
	}
	pairs, _, err := r.Range(p.ctx, p.key(s.B), p.key(s.E), kv.RangeOptions{Limit: s.Limit, Reverse: s.Rev})
	return answer{pairs: p.relativePairs(pairs), err: err}
}

func (p *player) writes(s step) error {
	tx := p.txs[s.T]
	switch s.Op {
	case "set":
		tx.Set(p.key(s.K), unhex(s.V))
	case "clear":
		tx.Clear(p.key(s.K))
	case "clear_range":
		tx.ClearRange(p.key(s.B), p.key(s.E))
	case "read_conflict":
		return ofInverted(s, tx.AddReadConflictRange(p.key(s.B), p.key(s.E)))
	case "write_conflict":
		return ofInverted(s, tx.AddWriteConflictRange(p.key(s.B), p.key(s.E)))
	default:
		op, ok := atomicOps[s.Op]
		if !ok {
			return errors.New("unknown operation")
		}
		tx.Atomic(op, p.key(s.K), unhex(s.V))
	}
	return nil
}

// ofInverted is the error of a conflict range if that is inverted. FoundationDB's client says
// nothing there of what has poisoned the transaction before; a store may.
func ofInverted(s step, err error) error {
	if s.B <= s.E {
		return nil
	}
	return err
}

// How commits end that do not fail.
const (
	committed = "committed"
	readOnly  = "read-only"
)

func (p *player) commits(s step) (a answer, stamp []byte) {
	tx := p.txs[s.T]
	if err := tx.Commit(p.ctx); err != nil {
		return answer{err: err}, nil
	}
	version := tx.CommittedVersion()
	if version == 0 {
		return answer{text: readOnly}, nil
	}
	if n := len(p.versions); n > 0 && version <= p.versions[n-1] {
		return answer{err: fmt.Errorf("committed at version %d after %v", version, p.versions)}, nil
	}
	stamp, err := tx.Versionstamp()
	// which may be so without versionstamped operations; answers name no such stamp
	if err != nil && !errors.Is(err, kv.ErrNoVersion) {
		return answer{err: fmt.Errorf("versionstamp: %w", err)}, nil
	}
	p.versions = append(p.versions, version)
	return answer{text: committed}, stamp
}

// key makes a relative key absolute.
func (p *player) key(relative string) []byte {
	if relative == scriptEnd {
		return []byte(p.prefix + "l")
	}
	return append([]byte(p.prefix+"k"), unhex(relative)...)
}

// relative makes an absolute key relative.
func (p *player) relative(key []byte) string {
	space := p.key("")
	switch {
	case bytes.HasPrefix(key, space):
		return hex.EncodeToString(key[len(space):])
	case bytes.Compare(key, space) < 0:
		return "<before>"
	}
	return "<after>"
}

func (p *player) relativePairs(pairs []kv.KeyValue) [][2]string {
	relative := make([][2]string, len(pairs))
	for i, pair := range pairs {
		relative[i] = [2]string{p.relative(pair.Key), hex.EncodeToString(pair.Value)}
	}
	return relative
}
