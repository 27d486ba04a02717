// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the scripts
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

//go:embed testdata/transactions.jsonl.gz
var scriptsGzip []byte

const (
	// scriptLanes is how many scripts run at once, each in a key space of its own.
	scriptLanes = 8
	// scriptGuards is the number of keys on either side of a script's key space. They end
	// the selectors that run out of it, which could otherwise conflict with another script.
	scriptGuards = 8
)

// stampBytes are the keys, by the seeds of their scripts, whose values depend on the very bytes
// of a versionstamp, to which the script applies a max or a xor: these values are not compared.
var stampBytes = map[int]string{95: "69ff", 303: "61"}

// script is a recorded interleaving of transactions; see testdata/README.md.
type script struct {
	Seed    int
	Initial [][2]string
	Steps   []step
	Final   [][2]string
}

type step struct {
	T       int
	Op      string
	K       string
	V       string
	B, E    string
	Of      int
	Limit   int
	Rev     bool
	Snap    bool
	OrEqual bool `json:"or_equal"`
	Offset  int
	Out     json.RawMessage
	Err     int
}

// testScripts shows that the store answers as FoundationDB did, step by step.
func testScripts(w *world) {
	scripts := readScripts(w)
	if len(scripts) != 800 {
		w.Fatalf("%d scripts, want 800", len(scripts))
	}
	w.together(scriptLanes, func(lane int) {
		for i := lane; i < len(scripts); i += scriptLanes {
			p := player{world: w, script: scripts[i], prefix: fmt.Sprintf("script/%04d/", i)}
			if err := p.play(); err != nil {
				w.Errorf("script with seed %d, %v", scripts[i].Seed, err)
			}
		}
	})
}

func readScripts(w *world) []script {
	unzipped, err := gzip.NewReader(bytes.NewReader(scriptsGzip))
	w.must(err)
	var scripts []script
	for decoder := json.NewDecoder(unzipped); ; {
		var s script
		if err := decoder.Decode(&s); errors.Is(err, io.EOF) {
			return scripts
		} else if err != nil {
			w.Fatal(err)
		}
		scripts = append(scripts, s)
	}
}

// player plays one script. Its errors say which step went wrong.
type player struct {
	*world
	script script
	prefix string
	txs    [4]kv.Tx
	// versions and stamps are of the committed transactions, in their order.
	versions []kv.Version
	stamps   []string
}

func (p *player) play() error {
	if err := p.prepare(); err != nil {
		return fmt.Errorf("before the first step: %w", err)
	}
	for i, s := range p.script.Steps {
		if err := p.step(s); err != nil {
			return fmt.Errorf("step %d, %s by %d: %w", i, s.Op, s.T, err)
		}
	}
	for _, tx := range p.txs {
		if tx != nil {
			tx.Cancel()
		}
	}
	return p.checkFinal()
}

func (p *player) prepare() error {
	tx := p.begin()
	for i := range scriptGuards {
		tx.Set(fmt.Appendf(nil, "%sj%d", p.prefix, i), nil)
		tx.Set(fmt.Appendf(nil, "%sm%d", p.prefix, i), nil)
	}
	for _, pair := range p.script.Initial {
		tx.Set(p.key(pair[0]), unhex(pair[1]))
	}
	return tx.Commit(p.ctx)
}

func (p *player) checkFinal() error {
	pairs, more, err := p.begin().Range(p.ctx, p.key(""), p.end(), kv.RangeOptions{})
	if err != nil {
		return fmt.Errorf("after the last step: %w", err)
	}
	if got, want := p.show(pairs), p.wantPairs(p.script.Final); more || got != want {
		return fmt.Errorf("after the last step: the store holds %s, want %s", got, want)
	}
	return nil
}

// step does a step and compares its outcome with FoundationDB's.
func (p *player) step(s step) error {
	switch s.Op {
	case "begin", "begin_at":
		return p.begins(s)
	case "reset":
		p.txs[s.T].Reset()
		_, err := p.txs[s.T].ReadVersion(p.ctx)
		return err
	case "cancel":
		p.txs[s.T].Cancel()
		p.txs[s.T] = nil
		return nil
	case "get", "get_key", "range":
		return p.reads(s)
	case "commit":
		return p.commits(s)
	}
	return p.writes(s)
}

func (p *player) begins(s step) error {
	if old := p.txs[s.T]; old != nil {
		old.Cancel()
	}
	tx := p.begin()
	p.txs[s.T] = tx
	if s.Op == "begin_at" {
		tx.SetReadVersion(p.versions[s.Of])
		return nil
	}
	_, err := tx.ReadVersion(p.ctx)
	return err
}

func (p *player) reads(s step) error {
	got, err := p.read(s)
	if err != nil || s.Err != 0 {
		return wantCode(err, s.Err)
	}
	want, err := p.wantOut(s)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	return nil
}

// read returns the outcome of a read as text, "" being no value.
func (p *player) read(s step) (string, error) {
	var r kv.Reader = p.txs[s.T]
	if s.Snap {
		r = p.txs[s.T].Snapshot()
	}
	switch s.Op {
	case "get":
		value, err := r.Get(p.ctx, p.key(s.K))
		if value == nil {
			return "", err
		}
		return "=" + p.value(s.K, hex.EncodeToString(value)), err
	case "get_key":
		key, err := r.GetKey(p.ctx, kv.KeySelector{Key: p.key(s.K), OrEqual: s.OrEqual, Offset: s.Offset})
		return p.relative(key), err
	}
	pairs, _, err := r.Range(p.ctx, p.key(s.B), p.key(s.E), kv.RangeOptions{Limit: s.Limit, Reverse: s.Rev})
	return p.show(pairs), err
}

// wantOut is what FoundationDB answered, in the form of read.
func (p *player) wantOut(s step) (string, error) {
	if s.Op == "range" {
		var pairs [][2]string
		if err := json.Unmarshal(s.Out, &pairs); err != nil {
			return "", err
		}
		return p.wantPairs(pairs), nil
	}
	if s.Out == nil {
		return "", nil
	}
	var out string
	if err := json.Unmarshal(s.Out, &out); err != nil {
		return "", err
	}
	if s.Op == "get" {
		out = "=" + p.value(s.K, p.stamped(out))
	}
	return out, nil
}

func (p *player) writes(s step) error {
	tx := p.txs[s.T]
	key, value := p.key(s.K), unhex(s.V)
	switch s.Op {
	case "set":
		tx.Set(key, value)
	case "clear":
		tx.Clear(key)
	case "clear_range":
		tx.ClearRange(p.key(s.B), p.key(s.E))
	case "read_conflict":
		return wantConflictRange(tx.AddReadConflictRange(p.key(s.B), p.key(s.E)), s.Err)
	case "write_conflict":
		return wantConflictRange(tx.AddWriteConflictRange(p.key(s.B), p.key(s.E)), s.Err)
	default:
		op, ok := atomicOps[s.Op]
		if !ok {
			return errors.New("unknown operation")
		}
		tx.Atomic(op, key, value)
	}
	return nil
}

func (p *player) commits(s step) error {
	tx := p.txs[s.T]
	if err := tx.Commit(p.ctx); err != nil || s.Err != 0 {
		return wantCode(err, s.Err)
	}
	version := tx.CommittedVersion()
	if string(s.Out) == `"read-only"` {
		if version != 0 {
			return fmt.Errorf("committed at version %d, want read-only", version)
		}
		return nil
	}
	if n := len(p.versions); version == 0 || n > 0 && version <= p.versions[n-1] {
		return fmt.Errorf("committed at version %d after %v", version, p.versions)
	}
	stamp, err := tx.Versionstamp()
	if err != nil && !errors.Is(err, kv.ErrNoVersion) { // which may be so without versionstamped operations; answers name no such stamp
		return err
	}
	p.versions = append(p.versions, version)
	p.stamps = append(p.stamps, hex.EncodeToString(stamp))
	return nil
}

// key makes a relative key absolute.
func (p *player) key(relative string) []byte {
	if relative == "ffff" {
		return p.end()
	}
	return append([]byte(p.prefix+"k"), unhex(relative)...)
}

// end is the end of the script's key space.
func (p *player) end() []byte { return []byte(p.prefix + "l") }

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

func (p *player) show(pairs []kv.KeyValue) string {
	var b strings.Builder
	for _, pair := range pairs {
		key := p.relative(pair.Key)
		fmt.Fprintf(&b, " %s=%s", key, p.value(key, hex.EncodeToString(pair.Value)))
	}
	return b.String()
}

func (p *player) wantPairs(pairs [][2]string) string {
	var b strings.Builder
	for _, pair := range pairs {
		fmt.Fprintf(&b, " %s=%s", pair[0], p.value(pair[0], p.stamped(pair[1])))
	}
	return b.String()
}

// value is a value as it is compared.
func (p *player) value(key, value string) string {
	if unknown, ok := stampBytes[p.script.Seed]; ok && key == unknown {
		return "*"
	}
	return value
}

// stamped replaces "<stamp N>" in a recorded value.
func (p *player) stamped(value string) string {
	for i, stamp := range p.stamps {
		value = strings.ReplaceAll(value, fmt.Sprintf("<stamp %d>", i), stamp)
	}
	return value
}

var atomicOps = map[string]kv.AtomicOp{
	"add":                      kv.AtomicAdd,
	"and":                      kv.AtomicAnd,
	"or":                       kv.AtomicOr,
	"xor":                      kv.AtomicXor,
	"append_if_fits":           kv.AtomicAppendIfFits,
	"max":                      kv.AtomicMax,
	"min":                      kv.AtomicMin,
	"byte_min":                 kv.AtomicByteMin,
	"byte_max":                 kv.AtomicByteMax,
	"compare_and_clear":        kv.AtomicCompareAndClear,
	"set_versionstamped_value": kv.AtomicSetVersionstampedValue,
}

// wantConflictRange is wantCode for a conflict range. FoundationDB's client says nothing there of
// what has poisoned the transaction before; a store may.
func wantConflictRange(err error, code int) error {
	if code == 0 {
		return nil
	}
	return wantCode(err, code)
}

// wantCode returns an error if err is not one of the store with that code, 0 being none.
func wantCode(err error, code int) error {
	if got := codeOf(err); got != code {
		return fmt.Errorf("error %v (%d), want %d", err, got, code)
	}
	return nil
}

// codeOf returns the code of a store's error: 0 for nil, -1 for any other error.
func codeOf(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*kv.Error](err); ok {
		return e.Code
	}
	return -1
}

// unhex decodes what the recorder wrote.
func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
