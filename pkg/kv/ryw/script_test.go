// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package ryw_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
)

// TestScripts runs one transaction after the other on a store that does not change, and shows the answers and
// what would be sent. "store" says what the store holds, "tx" runs a transaction, a line a call. Keys and values are Go
// strings without their quotes; a line that begins with # is a comment.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		backend := &fakeBackend{version: 10}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "store":
				backend.pairs = make(map[string]string)
				for line := range strings.Lines(d.Input) {
					key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
					backend.pairs[unquote(t, key)] = unquote(t, value)
				}
				return "ok"
			case "tx":
				return runScript(t, backend, d.Input)
			}
			t.Fatalf("unknown command %q", d.Cmd)
			return ""
		})
	})
}

func runScript(t *testing.T, b *fakeBackend, input string) string {
	b.commits, b.reads, b.versionings = nil, 0, 0
	s := &scriptTx{t: t, tx: ryw.New(b, kv.TxOptions{})}
	for line := range strings.Lines(input) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "#" {
			s.call(fields[0], fields[1:])
		}
	}
	err := s.tx.Commit(context.Background())
	for _, c := range b.commits {
		s.printCommit(c)
	}
	if len(b.commits) == 0 {
		s.printf("nothing sent")
	}
	s.printf("commit: %v, %d reads of the store", err, b.reads)
	return s.out.String()
}

// scriptTx is a transaction that prints what it answers.
type scriptTx struct {
	t   *testing.T
	tx  kv.Tx
	out strings.Builder
}

func (s *scriptTx) printf(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

var scriptOps = map[string]kv.AtomicOp{
	"add": kv.AtomicAdd, "and": kv.AtomicAnd, "append": kv.AtomicAppendIfFits, "byte_max": kv.AtomicByteMax,
	"max":               kv.AtomicMax,
	"compare_and_clear": kv.AtomicCompareAndClear, "stamp_key": kv.AtomicSetVersionstampedKey,
	"stamp_value": kv.AtomicSetVersionstampedValue,
}

func (s *scriptTx) call(name string, args []string) {
	ctx := context.Background()
	reader := kv.Reader(s.tx)
	if name == "snapshot" {
		reader, name, args = s.tx.Snapshot(), args[0], args[1:]
	}
	arg := func(i int) []byte {
		if i >= len(args) {
			return nil
		}
		return []byte(unquote(s.t, args[i]))
	}
	switch name {
	case "get":
		value, err := reader.Get(ctx, arg(0))
		s.printValue("get "+args[0], value, err)
	case "range":
		pairs, more, err := reader.Range(ctx, arg(0), arg(1), s.rangeOptions(args[2:]))
		s.printf("range: %s more=%t %v", showPairs(pairs), more, err)
	case "get_key":
		offset, err := strconv.Atoi(args[2])
		if err != nil {
			s.t.Fatal(err)
		}
		key, err := reader.GetKey(ctx, kv.KeySelector{Key: arg(0), OrEqual: args[1] == "or_equal", Offset: offset})
		s.printValue("get_key", key, err)
	case "set":
		s.tx.Set(arg(0), arg(1))
	case "clear":
		s.tx.Clear(arg(0))
	case "clear_range":
		s.tx.ClearRange(arg(0), arg(1))
	case "read_conflict":
		s.printError(s.tx.AddReadConflictRange(arg(0), arg(1)))
	case "write_conflict":
		s.printError(s.tx.AddWriteConflictRange(arg(0), arg(1)))
	case "read_version":
		v, err := s.tx.ReadVersion(ctx)
		s.printf("read version %d %v", v, err)
	default:
		op, ok := scriptOps[name]
		if !ok {
			s.t.Fatalf("unknown call %q", name)
		}
		s.tx.Atomic(op, arg(0), arg(1))
	}
}

func (s *scriptTx) rangeOptions(args []string) (opt kv.RangeOptions) {
	for _, arg := range args {
		name, number, _ := strings.Cut(arg, "=")
		n, err := strconv.Atoi(number)
		switch {
		case name == "reverse":
			opt.Reverse = true
		case err != nil:
			s.t.Fatal(err)
		case name == "limit":
			opt.Limit = n
		case name == "bytes":
			opt.BytesMax = n
		}
	}
	return opt
}

func (s *scriptTx) printValue(what string, value []byte, err error) {
	switch {
	case err != nil:
		s.printf("%s: %v", what, err)
	case value == nil:
		s.printf("%s: none", what)
	default:
		s.printf("%s: %q", what, value)
	}
}

func (s *scriptTx) printError(err error) {
	if err != nil {
		s.printf("%v", err)
	}
}

func (s *scriptTx) printCommit(c *ryw.Commit) {
	s.printf("at %d", c.ReadVersion)
	for _, r := range c.ReadConflicts {
		s.printf("read  [%s, %s)", show(r.Begin), show(r.End))
	}
	for _, r := range c.WriteConflicts {
		s.printf("write [%s, %s)", show(r.Begin), show(r.End))
	}
	for _, m := range c.Mutations {
		switch m.Kind {
		case ryw.MutationSet:
			s.printf("set %s = %s", show(m.Key), show(m.Value))
		case ryw.MutationClearRange:
			s.printf("clear [%s, %s)", show(m.Key), show(m.Value))
		default:
			s.printf("atomic %d %s, %s", m.Op, show(m.Key), show(m.Value))
		}
	}
}

func showPairs(pairs []kv.KeyValue) string {
	var b strings.Builder
	for _, pair := range pairs {
		fmt.Fprintf(&b, "%s=%s ", show(pair.Key), show(pair.Value))
	}
	return b.String()
}

func show(b []byte) string {
	quoted := strconv.Quote(string(b))
	return quoted[1 : len(quoted)-1]
}

func unquote(t *testing.T, s string) string {
	if s == "''" {
		return ""
	}
	unquoted, err := strconv.Unquote(`"` + s + `"`)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return unquoted
}
