// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/bits"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// A store that was closed has a file closedName, with the name, size and checksum of its manifest. Pebble
// takes a damaged record of a manifest for the end of it, as after a loss of power. The tables of
// later records would then be deleted, and what they hold be missed by nobody.
const (
	closedName    = "CLOSED"
	closedNewName = "CLOSED.new"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// manifest is Pebble's current manifest in a directory.
type manifest struct {
	fs  vfs.FS
	dir string
}

// read returns the name and the contents; an empty name if there is none.
func (m manifest) read() (name string, data []byte, err error) {
	name, err = atomicfs.ReadMarker(m.fs, m.dir, "manifest")
	if err != nil || name == "" {
		return "", nil, err
	}
	data, err = m.readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil // Pebble says what is wrong
	}
	return name, data, err
}

func (m manifest) readFile(name string) ([]byte, error) {
	f, err := m.fs.Open(m.fs.PathJoin(m.dir, name))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

func (m manifest) describe() (string, error) {
	name, data, err := m.read()
	return fmt.Sprintf("%s %d %08x\n", name, len(data), crc32.Checksum(data, castagnoli)), err
}

// seal records, durably, the manifest of a store that has been closed.
func (m manifest) seal() error {
	text, err := m.describe()
	if err != nil {
		return err
	}
	path := m.fs.PathJoin(m.dir, closedNewName)
	f, err := m.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := m.fs.Rename(path, m.fs.PathJoin(m.dir, closedName)); err != nil {
		return err
	}
	return syncDir(m.fs, m.dir)
}

// unseal returns kv.ErrCorrupt if the manifest is damaged, as far as that can be told. Before it returns nil it
// removes what seal has recorded, durably.
func (m manifest) unseal() error {
	name, data, err := m.read()
	if err != nil {
		return err
	}
	if at, ok := damagedAt(data); ok {
		return kv.ErrCorrupt.With(fmt.Errorf("%s: its record at byte %d is damaged", m.fs.PathJoin(m.dir, name), at))
	}
	sealed, err := m.readFile(closedName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	found, err := m.describe()
	if err != nil {
		return err
	}
	if string(sealed) != found {
		return kv.ErrCorrupt.With(fmt.Errorf("%s, or %s in the same directory: the one is %q, the other says %q", m.fs.PathJoin(m.dir, name), closedName, found, sealed))
	}
	if err := m.fs.Remove(m.fs.PathJoin(m.dir, closedName)); err != nil {
		return err
	}
	return syncDir(m.fs, m.dir)
}

// The records of a manifest are in chunks, each with a header: checksum, length, type. A chunk does not cross the bounds of blocks.
const (
	manifestBlock  = 32 << 10
	manifestHeader = 7
	chunkFull      = 1
	chunkFirst     = 2
	chunkLast      = 4
)

// damagedAt returns where a record is that fails its checksum with another record after it. A record is begun when the one before it
// has been synced, so no loss of power does that.
func damagedAt(data []byte) (int, bool) {
	at := 0
	for at < len(data) {
		if manifestBlock-at%manifestBlock < manifestHeader {
			at += manifestBlock - at%manifestBlock
			continue
		}
		n, _ := chunkAt(data, at)
		if n == 0 {
			break
		}
		at += n
	}
	for later := at + 1; later < len(data); later++ {
		if n, kind := chunkAt(data, later); n > 0 && (kind == chunkFull || kind == chunkFirst) {
			return at, true
		}
	}
	return 0, false
}

// chunkAt returns the length, with its header, and the type of the valid chunk there, or 0.
func chunkAt(data []byte, at int) (int, byte) {
	if at+manifestHeader > len(data) {
		return 0, 0
	}
	n, kind := manifestHeader+int(binary.LittleEndian.Uint16(data[at+4:])), data[at+6]
	if kind < chunkFull || kind > chunkLast || n > manifestBlock-at%manifestBlock || at+n > len(data) {
		return 0, 0
	}
	sum := bits.RotateLeft32(crc32.Checksum(data[at+6:at+n], castagnoli), -15) + 0xa282ead8 // as LevelDB masks it
	if sum != binary.LittleEndian.Uint32(data[at:]) {
		return 0, 0
	}
	return n, kind
}
