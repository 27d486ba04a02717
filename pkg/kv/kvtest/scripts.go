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

	"github.com/kelpiehq/kelpie/pkg/kv"
)

//go:embed testdata/transactions.jsonl.gz
var scriptsGzip []byte

const (
	// scriptLanes is how many scripts run at once, each in a key space of its own.
	scriptLanes = 8
	// scriptTxs is how many transactions a script interleaves.
	scriptTxs = 4
	// scriptEnd stands for the end of a script's key space.
	scriptEnd = "ffff"
)

// script is a recorded interleaving of transactions; see testdata/README.md.
type script struct {
	Seed    int         `json:"seed"`
	Initial [][2]string `json:"initial"`
	Steps   []step      `json:"steps"`
	Final   [][2]string `json:"final"`
}

type step struct {
	T       int             `json:"t"`
	Op      string          `json:"op"`
	K       string          `json:"k,omitempty"`
	V       string          `json:"v,omitempty"`
	B       string          `json:"b,omitempty"`
	E       string          `json:"e,omitempty"`
	Of      int             `json:"of,omitempty"`
	Limit   int             `json:"limit,omitempty"`
	Rev     bool            `json:"rev,omitempty"`
	Snap    bool            `json:"snap,omitempty"`
	OrEqual bool            `json:"or_equal,omitempty"`
	Offset  int             `json:"offset,omitempty"`
	Out     json.RawMessage `json:"out,omitempty"`
	Err     int             `json:"err,omitempty"`
}

// testScripts shows that the store answers as FoundationDB did, step by step.
func testScripts(w *world) {
	scripts, err := readScripts(bytes.NewReader(scriptsGzip))
	w.must(err)
	if len(scripts) != 800 {
		w.Fatalf("%d scripts, want 800", len(scripts))
	}
	w.replayAll(scripts)
}

// inLanes runs f for each of n scripts, some at a time.
func (w *world) inLanes(n int, f func(i int)) {
	w.Helper()
	w.together(scriptLanes, func(lane int) {
		for i := lane; i < n; i += scriptLanes {
			f(i)
		}
	})
}

// readScripts reads a recording.
func readScripts(r io.Reader) ([]script, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("a recording is compressed by gzip: %w", err)
	}
	var scripts []script
	for decoder := json.NewDecoder(unzipped); ; {
		var s script
		if err := decoder.Decode(&s); errors.Is(err, io.EOF) {
			return scripts, nil
		} else if err != nil {
			return nil, fmt.Errorf("script %d of the recording: %w", len(scripts), err)
		}
		if err := s.check(); err != nil {
			return nil, err
		}
		scripts = append(scripts, s)
	}
}

// writeScripts writes what readScripts reads.
func writeScripts(to io.Writer, scripts []script) error {
	zipped := gzip.NewWriter(to)
	if err := writeLines(zipped, scripts); err != nil {
		return err
	}
	return zipped.Close()
}

func writeLines(to io.Writer, scripts []script) error {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false) // stamps have angle brackets
	for _, s := range scripts {
		if err := encoder.Encode(s); err != nil {
			return err
		}
	}
	return nil
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
