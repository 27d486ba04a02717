// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Pebble does not know which logs there must be, nor where a log or a manifest ends: a log that is missing, or
// shortened, or swapped with another, is to it what a loss of power leaves. Nor does it know one table from another
// of the same size. So a store keeps an account of its own of the files that acknowledged data may be in: the file
// accountName lists them, with how many bytes of each are known to be durable. It is written, durably, before a log
// or a manifest is made or removed, when the first of a log is synced, and whenever a manifest is: so before a table
// is a part of the store. That would cost too much for every sync of a log: tailName has the newest length of the
// newest log. It is overwritten after each sync, and not synced itself: it may be behind after a loss of power, and
// is exact after the death of the process.
const (
	accountName    = "FILES"
	accountNewName = "FILES.new"
	accountHead    = "kelpie files 1\n"
	tailName       = "TAIL"
	// tailBytes is what a disk writes in whole or not at all.
	tailBytes = 512
)

// account is the files of an open store.
type account struct {
	fs  vfs.FS
	dir string

	mu sync.Mutex
	// files has what of each file is known to be durable; nothing of one that may not have been made.
	files map[string]extent
	// saved are the tables that are in the account on disk.
	saved map[string]bool
	// active is whether the account is kept on disk.
	active bool
	tail   vfs.File
}

// extent is the part of a file that is durable. sum is a checksum: of all of it for a manifest, of its ends for a
// table; the chunks of a log have their own.
type extent struct {
	length int64
	sum    uint32
}

func newAccount(fsys vfs.FS, dir string) *account {
	return &account{fs: fsys, dir: dir, files: make(map[string]extent)}
}

func accounted(name string) bool {
	return strings.HasSuffix(name, logSuffix) || strings.HasPrefix(name, manifestPrefix)
}

func isTable(name string) bool { return strings.HasSuffix(name, tableSuffix) }

func (a *account) path(name string) string { return a.fs.PathJoin(a.dir, name) }

// accountState is what is known of the account before the store is opened.
type accountState int

const (
	accountAbsent accountState = iota // no release has kept one, or it is lost
	accountVoid                       // a release that keeps none has used the store since
	accountKept
)

// check reads the account and compares the files with it. Errors of kv.ErrCorrupt name the file.
func (a *account) check() (accountState, error) {
	text, err := readFile(a.fs, a.path(accountName))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := a.fs.Stat(a.path(tailName)); err == nil {
			return accountAbsent, a.missing(accountName)
		}
		return accountAbsent, nil
	}
	if err != nil {
		return accountAbsent, err
	}
	files, ok := parseAccount(text)
	if !ok {
		return accountAbsent, kv.ErrCorrupt.With(fmt.Errorf("%s is damaged", a.path(accountName)))
	}
	current, _, err := (manifest{fs: a.fs, dir: a.dir}).read()
	if err != nil {
		return accountAbsent, err
	}
	if _, ours := files[current]; current != "" && !ours {
		return accountVoid, nil // every opening makes a new manifest
	}
	if log, length, ok := a.readTail(); ok && files[log].length > 0 {
		files[log] = extent{length: max(files[log].length, length)}
	}
	a.files = files
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := a.checkFile(name, files[name]); err != nil {
			return accountKept, err
		}
	}
	if err := a.checkForeignLogs(); err != nil {
		return accountKept, err
	}
	return accountKept, a.forget()
}

// forget drops what was never made, or was removed.
func (a *account) forget() error {
	for name, durable := range a.files {
		if durable.length > 0 {
			continue
		}
		_, err := a.fs.Stat(a.path(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			delete(a.files, name)
		case err != nil:
			return err
		}
	}
	return nil
}

func (a *account) missing(name string) error {
	return kv.ErrCorrupt.With(fmt.Errorf("%s is missing", a.path(name)))
}

// checkFile reports a file that has not all that was durable.
func (a *account) checkFile(name string, durable extent) error {
	if isTable(name) {
		return a.checkTable(name, durable)
	}
	if durable.length == 0 {
		return nil
	}
	data, err := readFile(a.fs, a.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return a.missing(name)
	}
	if err != nil {
		return err
	}
	format := manifestFormat
	if number, ok := logNumber(name); ok {
		format = logFormat(number)
	}
	if end := format.wholeUntil(data); int64(end) < durable.length {
		return kv.ErrCorrupt.With(
			fmt.Errorf("%s: damaged at byte %d of %d that were durable", a.path(name), end, durable.length))
	}
	if durable.sum != 0 && durable.sum != crc32.Checksum(data[:durable.length], castagnoli) {
		return a.another(name)
	}
	return nil
}

func (a *account) another(name string) error {
	return kv.ErrCorrupt.With(fmt.Errorf("%s is not the file that was written under this name", a.path(name)))
}

// checkTable reports a table that is another one. Whether there must be one the manifest says.
func (a *account) checkTable(name string, durable extent) error {
	found, err := a.readTable(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && found != durable {
		err = a.another(name)
	}
	return err
}

// readTable reads the ends of a table.
func (a *account) readTable(name string) (extent, error) {
	f, err := a.fs.Open(a.path(name))
	if err != nil {
		return extent{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return extent{}, errors.Join(err, f.Close())
	}
	length := info.Size()
	head, tail := make([]byte, min(length, tableEndBytes)), make([]byte, min(length, tableEndBytes))
	for _, part := range []struct {
		into []byte
		at   int64
	}{{head, 0}, {tail, length - int64(len(tail))}} {
		if n, err := f.ReadAt(part.into, part.at); n < len(part.into) {
			return extent{}, errors.Join(err, f.Close())
		}
	}
	return extent{length, endsSum(head, tail)}, f.Close()
}

// learnTables takes the tables into an account that is begun.
func (a *account) learnTables() error {
	names, err := a.fs.List(a.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !isTable(name) {
			continue
		}
		if a.files[name], err = a.readTable(name); err != nil {
			return err
		}
	}
	return nil
}

// tableEndBytes is how much of the beginning and of the end of a table is checked at each opening. A table's entries
// are numbered, so that two do not begin alike; its blocks have checksums of their own.
const tableEndBytes = 4096

func endsSum(head, tail []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, tail)
}

// checkForeignLogs reports a log that is newer than all that the store has made: Pebble would take it for a part of
// the store.
func (a *account) checkForeignLogs() error {
	name, number, err := newestLog(a.fs, a.dir)
	if err != nil || name == "" {
		return err
	}
	for known := range a.files {
		if n, ok := logNumber(known); ok && n >= number {
			return nil
		}
	}
	return kv.ErrCorrupt.With(fmt.Errorf("%s does not belong to this store", a.path(name)))
}

// activate keeps the account on disk from now on.
func (a *account) activate() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.active {
		return nil
	}
	if err := a.save(); err != nil {
		return err
	}
	tail, err := a.openTail()
	if err != nil {
		return err
	}
	a.active, a.tail = true, tail
	return syncDir(a.fs, a.dir)
}

func (a *account) openTail() (vfs.File, error) {
	f, err := a.fs.Create(a.path(tailName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(make([]byte, tailBytes)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return a.fs.OpenReadWrite(a.path(tailName), vfs.WriteCategoryUnspecified)
}

func (a *account) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.active = false
	if a.tail == nil {
		return nil
	}
	return a.tail.Close()
}

// creating records a file that is about to be created, in place of another one if old is not "".
func (a *account) creating(name, old string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.files, old)
	a.files[name] = extent{}
	return a.keep()
}

// creatingTable records a table that is about to be created. Its name may be that of a table that was never used.
func (a *account) creatingTable(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.files, name)
	if !a.saved[name] {
		return nil
	}
	return a.keep()
}

// table records a table that is written. The account lists it before a manifest uses it.
func (a *account) table(name string, e extent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files[name] = e
}

// removing records that a file is about to be removed: it may be missing from now on. The account goes on to list it
// until removed is called, as the newest log in the directory would be foreign otherwise.
func (a *account) removing(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.files[name]; !ok || isTable(name) {
		return nil // a table that is missing is none of the account's business
	}
	a.files[name] = extent{}
	return a.keep()
}

// removed records that a file was removed. That is not kept before the next change is, which makes it durable first.
func (a *account) removed(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.files, name)
}

// synced is told what of a log or a manifest is durable.
func (a *account) synced(name string, e extent) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	before, known := a.files[name]
	if !known || e.length <= before.length {
		return nil
	}
	a.files[name] = e
	if before.length > 0 && a.active && strings.HasSuffix(name, logSuffix) {
		_, err := a.tail.WriteAt(encodeTail(name, e.length), 0)
		return err
	}
	return a.keep()
}

func (a *account) keep() error {
	if !a.active {
		return nil
	}
	return a.save()
}

// save writes the account, durably, after the names of the files that it lists. a.mu is held.
func (a *account) save() error {
	if err := syncDir(a.fs, a.dir); err != nil {
		return err
	}
	if err := writeDurably(a.fs, a.path(accountNewName), encodeAccount(a.files)); err != nil {
		return err
	}
	if err := a.fs.Rename(a.path(accountNewName), a.path(accountName)); err != nil {
		return err
	}
	a.saved = make(map[string]bool)
	for name := range a.files {
		if isTable(name) {
			a.saved[name] = true
		}
	}
	return syncDir(a.fs, a.dir)
}

// writeDurably makes a file with a text; its name is not durable then.
func writeDurably(fsys vfs.FS, path, text string) error {
	f, err := fsys.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, text); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

func encodeAccount(files map[string]extent) string {
	var b strings.Builder
	b.WriteString(accountHead)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%s %d %08x\n", name, files[name].length, files[name].sum)
	}
	return fmt.Sprintf("%ssum %08x\n", b.String(), crc32.Checksum([]byte(b.String()), castagnoli))
}

// parseAccount reads what encodeAccount has made, and nothing else.
func parseAccount(text []byte) (map[string]extent, bool) {
	files := make(map[string]extent)
	for line := range strings.Lines(strings.TrimPrefix(string(text), accountHead)) {
		var name string
		var e extent
		if n, _ := fmt.Sscanf(line, "%s %d %x\n", &name, &e.length, &e.sum); n == 3 {
			files[name] = e
		}
	}
	return files, encodeAccount(files) == string(text)
}

func encodeTail(name string, length int64) []byte {
	text := fmt.Appendf(nil, "%s %d\n", name, length)
	out := binary.LittleEndian.AppendUint32(make([]byte, 0, tailBytes), crc32.Checksum(text, castagnoli))
	return append(out, text...)
}

// readTail returns the newest length of the newest log, false if it is not known: then it has only what the account
// says.
func (a *account) readTail() (name string, length int64, ok bool) {
	data, err := readFile(a.fs, a.path(tailName))
	if err != nil || len(data) < 4 {
		return "", 0, false
	}
	text, _, _ := strings.Cut(string(data[4:]), "\n")
	name, size, _ := strings.Cut(text, " ")
	length, err = strconv.ParseInt(size, 10, 64)
	if err != nil || !bytes.HasPrefix(data, encodeTail(name, length)) {
		return "", 0, false
	}
	return name, length, true
}
