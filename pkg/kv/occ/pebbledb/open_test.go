// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
)

// lockedDirEnv makes the test binary a second process that opens a directory.
const lockedDirEnv = "PEBBLEDB_TEST_OPEN_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(lockedDirEnv); dir != "" {
		_, err := pebbledb.Open(dir, pebbledb.Options{})
		fmt.Print(err)
		os.Exit(0)
	}
	if dir := os.Getenv(faultyDir); dir != "" {
		os.Exit(faulty(dir, os.Getenv(faultyFault)))
	}
	os.Exit(m.Run())
}

func openOnDisk(t *testing.T, dir string) *pebbledb.DB {
	t.Helper()
	db, err := pebbledb.Open(dir, pebbledb.Options{CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	db := openOnDisk(t, dir)
	defer closeDB(t, db)
	apply(t, db, 1, set("a", "1"))

	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), lockedDirEnv+"="+dir)
	out, err := child.CombinedOutput()
	want := fmt.Sprintf("data directory %s is in use by another process", dir)
	if err != nil || string(out) != want {
		t.Errorf("the second process said %q, %v; want %q", out, err, want)
	}

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, dir + "/.", link} {
		if _, err := pebbledb.Open(name, pebbledb.Options{}); !errors.Is(err, pebbledb.ErrLocked) {
			t.Errorf("opening %s a second time: %v, want ErrLocked", name, err)
		}
	}
	// None of these attempts has released the lock.
	if out, err := exec.Command("env", lockedDirEnv+"="+dir, os.Args[0]).CombinedOutput(); err != nil ||
		string(out) != want {
		t.Errorf("the third process said %q, %v; want %q", out, err, want)
	}
}

func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(file, "data")
	_, err := pebbledb.Open(dir, pebbledb.Options{})
	if err == nil || !strings.Contains(err.Error(), "data directory "+dir) || errors.Is(err, kv.ErrCorrupt) {
		t.Errorf("directory below a file: %v", err)
	}
}

// TestDeniedAtEachOperation makes each operation of creating a store fail in turn:
// the error is the system's, and the next attempt succeeds.
func TestDeniedAtEachOperation(t *testing.T) {
	for n := int32(0); ; n++ {
		mem := vfs.NewMem()
		inject := errorfs.OnIndex(n)
		denied := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && inject.MaybeError(op) != nil {
				return &fs.PathError{Op: "open", Path: op.Path, Err: fs.ErrPermission}
			}
			return nil
		})
		db, err := pebbledb.Open("data", pebbledb.Options{FS: errorfs.Wrap(mem, denied)})
		if err == nil {
			closeDB(t, db)
			if n < 10 {
				t.Errorf("only %d operations could fail", n)
			}
			return
		}
		if errors.Is(err, kv.ErrCorrupt) || errors.Is(err, pebbledb.ErrLocked) ||
			!strings.Contains(err.Error(), "permission denied") {
			t.Errorf("operation %d: %v", n, err)
		}
		db = open(t, mem)
		apply(t, db, 1, set("a", "1"))
		closeDB(t, db)
	}
}

func TestForeignDirectoryIsRefused(t *testing.T) {
	for name, fill := range map[string]func(dir string) error{
		"files": func(dir string) error { return os.WriteFile(filepath.Join(dir, "notes"), nil, 0o600) },
		"schema": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "KELPIE"), []byte("kelpie store, schema 2\n"), 0o600)
		},
		"pebble": func(dir string) error {
			db, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}})
			if err != nil {
				return err
			}
			return db.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := fill(dir); err != nil {
				t.Fatal(err)
			}
			before := list(t, dir)
			_, err := pebbledb.Open(dir, pebbledb.Options{})
			if !errors.Is(err, pebbledb.ErrForeign) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%v, want ErrForeign", err)
			}
			if after := list(t, dir); after != before {
				t.Errorf("refused, but changed from %s to %s", before, after)
			}
		})
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)         {}
func (quiet) Errorf(string, ...any)        {}
func (quiet) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

// list names the files in dir, except the lock.
func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "LOCK" {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

// TestCorruption damages each kind of file: what was damaged is named, and nothing wrong is served.
func TestCorruption(t *testing.T) {
	flip := func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data[len(data)/4] ^= 0x10
		return os.WriteFile(path, data, 0o600)
	}
	shorten := func(path string) error { return os.Truncate(path, 10) }
	for _, c := range []struct {
		name, pattern string
		damage        func(path string) error
		named         string
	}{
		{"table flipped", "*.sst", flip, ".sst"},
		{"table shortened", "*.sst", shorten, ".sst"},
		{"table missing", "*.sst", os.Remove, "0000"},
		{"manifest flipped", "MANIFEST-*", flip, "MANIFEST"},
		{"manifest missing", "MANIFEST-*", os.Remove, "MANIFEST"},
		{"manifest marker missing", "marker.manifest.*", os.Remove, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			fillOnDisk(t, dir)
			matches, err := filepath.Glob(filepath.Join(dir, c.pattern))
			if err != nil || len(matches) == 0 {
				t.Fatalf("no file %s in %s: %v", c.pattern, list(t, dir), err)
			}
			if err := c.damage(matches[len(matches)-1]); err != nil {
				t.Fatal(err)
			}
			if err = readOnDisk(dir); !errors.Is(err, kv.ErrCorrupt) || !strings.Contains(err.Error(), c.named) {
				t.Errorf("%v, want ErrCorrupt that names %s", err, c.named)
			}
		})
	}
}

// fillOnDisk makes a store with a table and with a log of several records.
func fillOnDisk(t *testing.T, dir string) {
	t.Helper()
	db := openOnDisk(t, dir)
	for v := kv.Version(1); v <= 40; v++ {
		apply(t, db, v, set(fmt.Sprintf("key%d", v), strings.Repeat("v", 2000)))
		if v == 20 {
			if err := db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	closeDB(t, db)
}

// readOnDisk returns the first error of opening and reading all of a store.
func readOnDisk(dir string) error {
	db, err := pebbledb.Open(dir, pebbledb.Options{CacheBytes: 1 << 20})
	if err != nil {
		return err
	}
	s := db.Snapshot()
	n := 0
	err = s.Range(nil, []byte{0xff}, false, func(_, _ []byte) bool { n++; return true })
	if err == nil && n != 40 {
		err = fmt.Errorf("%d keys without an error", n)
	}
	return errors.Join(err, s.Close(), db.Close())
}
