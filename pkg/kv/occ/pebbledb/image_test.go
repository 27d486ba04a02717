// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package pebbledb_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sector is what a disk writes in whole or not at all.
const sector = 512

// dataDir is where the tests have their stores.
const dataDir = "data"

// image is the files of a directory and what they hold; nil if there is no such directory.
type image map[string][]byte

// images are what a disk may have when the power goes.
type images struct {
	old    image // what was synced, under the names that were synced
	synced image // what was synced, under the names of now
	now    image // what the system has in memory
}

// takeImages spoils mem for everything but what has been taken. Nothing else may change it meanwhile.
func takeImages(mem *vfs.MemFS) (i images, err error) {
	if i.old, err = readImage(mem.CrashClone(vfs.CrashCloneCfg{})); err != nil {
		return i, err
	}
	everything := vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))}
	if i.now, err = readImage(mem.CrashClone(everything)); err != nil || i.now == nil {
		return i, err
	}
	if err := errors.Join(syncName(mem, "/"), syncName(mem, dataDir)); err != nil {
		return i, err
	}
	i.synced, err = readImage(mem.CrashClone(vfs.CrashCloneCfg{}))
	return i, err
}

func syncName(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readImage(mem *vfs.MemFS) (image, error) {
	top, err := mem.List("/")
	if err != nil || !slices.Contains(top, dataDir) {
		return nil, err
	}
	names, err := mem.List(dataDir)
	if err != nil {
		return nil, err
	}
	out := image{}
	for _, name := range names {
		f, err := mem.Open(mem.PathJoin(dataDir, name))
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		out[name] = data
	}
	return out, nil
}

// afterPowerLoss is what one of the disks has, of all that would be right, when the power is back: of what was not
// synced it has forgotten names and sectors, and mixed up others.
func (i images) afterPowerLoss(rng *rand.Rand) image {
	if i.old == nil && rng.IntN(2) == 0 {
		return nil
	}
	keep, mixed := rng.IntN(11), rng.IntN(4) == 0 // of ten
	names := maps.Clone(i.old)
	if names == nil {
		names = image{}
	}
	maps.Copy(names, i.now)
	out := image{}
	var loose []place
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, hasOld := i.old[name]
		synced, hasNow := i.synced[name]
		renamed := hasOld != hasNow || !bytes.Equal(old, synced) // another file has the name now, or none
		if renamed && rng.IntN(10) >= keep {
			if hasOld {
				out[name] = old
			}
			continue
		}
		if hasNow {
			data, places := tear(name, synced, i.now[name], keep, rng)
			out[name], loose = data, append(loose, places...)
		}
	}
	if mixed {
		misdirect(out, loose, rng)
	}
	return out
}

// place is where a sector is that was not synced and was kept.
type place struct {
	name string
	at   int
}

// tear keeps some of the sectors that were not synced: of ten, about as many as keep says.
func tear(name string, synced, now []byte, keep int, rng *rand.Rand) (out []byte, loose []place) {
	out = bytes.Clone(synced)
	for at := 0; at < len(now); at += sector {
		kept := now[at:min(at+sector, len(now))]
		if at+len(kept) <= len(synced) && bytes.Equal(kept, synced[at:at+len(kept)]) || rng.IntN(10) >= keep {
			continue
		}
		if grow := at + len(kept) - len(out); grow > 0 {
			out = append(out, make([]byte, grow)...)
		}
		copy(out[at:], kept)
		if at >= len(synced) && len(kept) == sector {
			loose = append(loose, place{name, at})
		}
	}
	return out, loose
}

// misdirect writes a few sectors where others that were not synced should be.
func misdirect(files image, loose []place, rng *rand.Rand) {
	for range min(3, len(loose)/2) {
		from, to := loose[rng.IntN(len(loose))], loose[rng.IntN(len(loose))]
		copy(files[to.name][to.at:to.at+sector], files[from.name][from.at:from.at+sector])
	}
}

// disk returns a disk that has, all of it synced, what the image says.
func (i image) disk() (*vfs.MemFS, error) {
	mem := vfs.NewCrashableMem()
	if i == nil {
		return mem, nil
	}
	if err := errors.Join(mem.MkdirAll(dataDir, 0o700), syncName(mem, "/")); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(i)) {
		if err := writeFile(mem, name, i[name], true); err != nil {
			return nil, err
		}
	}
	return mem, syncName(mem, dataDir)
}

// afterKill returns the disk of a process that died without the power going: everything is there, and what was not
// synced may still be lost.
func (i images) afterKill() (*vfs.MemFS, error) {
	mem, err := i.old.disk()
	if err != nil || i.now == nil {
		return mem, err
	}
	if err := mem.MkdirAll(dataDir, 0o700); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(i.now)) {
		if now, old := i.now[name], i.old[name]; old == nil || !bytes.Equal(now, old) {
			if err := writeUnsynced(mem, name, i.synced[name], now); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(i.old)) {
		if _, ok := i.now[name]; !ok {
			if err := mem.Remove(mem.PathJoin(dataDir, name)); err != nil {
				return nil, err
			}
		}
	}
	return mem, nil
}

func writeFile(mem *vfs.MemFS, name string, data []byte, synced bool) error {
	f, err := mem.Create(mem.PathJoin(dataDir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if len(data) > 0 {
		_, err = f.Write(bytes.Clone(data))
	}
	if err == nil && synced {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// writeUnsynced makes a file of which a former state is synced.
func writeUnsynced(mem *vfs.MemFS, name string, synced, now []byte) error {
	path := mem.PathJoin(dataDir, name)
	if err := mem.MkdirAll(dataDir, 0o700); err != nil {
		return err
	}
	old, err := mem.Open(path)
	same := false // the file that has the name on the disk is still that file
	if err == nil {
		data, err := io.ReadAll(old)
		if err := errors.Join(err, old.Close()); err != nil {
			return err
		}
		same = bytes.Equal(data, synced)
	}
	if !same {
		if err := writeFile(mem, name, synced, true); err != nil {
			return err
		}
	}
	if len(now) == 0 {
		return nil
	}
	f, err := mem.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(bytes.Clone(now), 0)
	return errors.Join(err, f.Close())
}
