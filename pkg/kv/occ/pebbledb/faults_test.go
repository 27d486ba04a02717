// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
)

var faultRuns = flag.Int("faults.runs", 10, "how many faults TestFaults tries")

// TestFaults gives a process's disk a fault at a random operation: a sync that fails once, on whatever file, or no
// more space from then on. The process stops acknowledging and names the cause, or goes on if it needs not what has
// failed. On a healthy disk all that was acknowledged is there.
func TestFaults(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	whole := runFaulty(t, t.TempDir(), fault{})
	if !whole.ended || whole.operations < 100 {
		t.Fatalf("without a fault, after %d operations:\n%s", whole.operations, whole.output)
	}
	stopped := map[string]int{} // of each kind
	for i := range *faultRuns {
		f := fault{kind: []string{"sync", "full"}[i%2], at: 1 + rng.Int64N(whole.operations*3/4)}
		t.Run(f.String(), func(t *testing.T) {
			dir := t.TempDir()
			r := runFaulty(t, dir, f)
			if r.late != "" {
				t.Errorf("after the failure: %s", r.late)
			}
			if f.kind == "full" && r.ended {
				t.Error("all was written to a full disk")
			}
			if !r.ended {
				stopped[f.kind]++
				if cause := f.says(); !strings.Contains(r.output, cause) {
					t.Errorf("it does not say %q:\n%s", cause, r.output)
				}
			}
			checkAcknowledged(t, dir, r.acknowledged)
		})
	}
	for _, kind := range []string{"sync", "full"} {
		if stopped[kind] == 0 {
			t.Errorf("no fault of kind %s stopped the store", kind)
		}
	}
}

// TestFailedLogSync shows that a sync of the log that fails, once, ends the store however healthy the disk is from
// then on.
func TestFailedLogSync(t *testing.T) {
	for _, at := range []int64{3, 20, 61} {
		f := fault{kind: "log", at: at}
		dir := t.TempDir()
		r := runFaulty(t, dir, f)
		if r.ended || r.late != "" || !strings.Contains(r.output, f.cause().Error()) {
			t.Errorf("%v: ended %t, acknowledged after it %q, and said:\n%s", f, r.ended, r.late, r.output)
		}
		checkAcknowledged(t, dir, r.acknowledged)
	}
}

func checkAcknowledged(t *testing.T, dir string, n int) {
	t.Helper()
	db, err := pebbledb.Open(dir, pebbledb.Options{})
	if err != nil {
		t.Fatalf("on a healthy disk, %d transactions having been acknowledged: %v", n, err)
	}
	s := db.Snapshot()
	got := contents(t, s)
	if len(got) != n && len(got) != n+1 {
		t.Errorf("%d transactions are there, %d were acknowledged", len(got), n)
	}
	for key, value := range got {
		if value != faultyValue(key) {
			t.Errorf("%s has another value than was written", key)
		}
	}
	if err := errors.Join(s.Close(), db.Close()); err != nil {
		t.Error(err)
	}
}

// fault is what goes wrong with a disk at one of its operations, counted from 1: at the first that it can hit.
type fault struct {
	kind string // sync fails the next sync of a file, log that of the log, full all that needs space from then on
	at   int64
}

func (f fault) String() string { return fmt.Sprintf("%s:%d", f.kind, f.at) }

func (f fault) cause() error {
	if f.kind == "full" {
		return syscall.ENOSPC
	}
	return syscall.EIO
}

// says is what a process says of it.
func (f fault) says() string {
	if f.kind == "full" {
		return " is full: "
	}
	return f.cause().Error()
}

// on makes the disk have the fault.
func (f fault) on(d *disk) {
	var mu sync.Mutex
	done := false
	d.fault = func(op *operation) error {
		mu.Lock()
		defer mu.Unlock()
		if f.kind == "" || done || d.operations.Load() < f.at {
			return nil
		}
		switch {
		case f.kind == "full" && op.kind == "write":
			if _, err := op.part(op.data[:len(op.data)/2]); err != nil {
				return err
			}
		case f.kind == "full" &&
			(op.kind == "create" || op.kind == "link" || op.kind == "sync" && strings.HasSuffix(op.path, ".log")):
		case f.kind == "sync" && op.kind == "sync", f.kind == "log" && op.kind == "sync" &&
			strings.HasSuffix(op.path, ".log"):
			done = true
		default:
			return nil
		}
		return &fs.PathError{Op: op.kind, Path: op.path, Err: f.cause()}
	}
}

// faultyRun is what a process on a faulty disk has said.
type faultyRun struct {
	acknowledged int
	ended        bool   // it has committed all that it wanted
	late         string // what it did after it had failed that it should not have done
	operations   int64
	output       string
}

func runFaulty(t *testing.T, dir string, f fault) faultyRun {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	c := exec.Command(self)
	c.Env = append(os.Environ(), faultyDir+"="+dir, faultyFault+"="+f.String())
	c.Stdout, c.Stderr = &stdout, &stderr
	err = c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r := faultyRun{output: stdout.String() + stderr.String()}
	failed := false
	for line := range strings.Lines(stdout.String()) {
		switch word, rest, _ := strings.Cut(strings.TrimSpace(line), " "); word {
		case "acknowledged":
			r.acknowledged++
			if failed {
				r.late += rest + " "
			}
		case "odd":
			r.late += rest + " "
		case "failed":
			failed = true
		case "ended":
			r.ended = err == nil
			if _, err := fmt.Sscan(rest, &r.operations); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}
