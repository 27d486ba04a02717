// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

const (
	// openFilesMin is what a node hardly runs with: a store of some size keeps hundreds of files open. openFilesGood
	// leaves room for connections of as many clients as there may be.
	openFilesMin, openFilesGood = 1024, 8192
	// diskFreeMin is what a store's compactions may take at a time; diskFreeGood lasts for a while.
	diskFreeMin, diskFreeGood = 100 << 20, 1 << 30
	// syncGood is what a disk without a write cache of its own takes; with much more, commits wait for the disk.
	syncGood = 50 * time.Millisecond
	// syncs is how often it is measured: the median counts.
	syncs = 5
	// syncBytes is about what a small commit writes.
	syncBytes = 4096
)

// examineMachine checks this machine as a place for a node.
func (k *kelpie) examineMachine(ctx context.Context, s *session, f *doctorFlags) []finding {
	all := []finding{checkOpenFiles(openFilesLimit())}
	n, err := host.ReadNodeSettings(
		k.Process, map[string]string{"config": f.file, "listen": f.listen, "data-dir": f.dataDir})
	if err != nil {
		return append(all, failure("node settings", err, "correct them; kelpie config show --node shows where "+
			"each comes from"))
	}
	all = append(all, examinePort(ctx, s, n.Listen))
	return append(all, examineDataDir(n.DataDir)...)
}

// checkOpenFiles judges the limit of open files; known is false where the system does not tell.
func checkOpenFiles(limit uint64, known bool) finding {
	const check, advice = "open files", "raise the limit before the node starts: ulimit -n 65536, or " +
		"LimitNOFILE=65536 of systemd"
	switch {
	case !known:
		return healthy(check, "the limit is not known on this system")
	case limit < openFilesMin:
		return problem(check, advice, "a process may open only %d files and connections", limit)
	case limit < openFilesGood:
		return warning(check, advice, "a process may open %d files and connections; many clients exhaust that",
			limit)
	}
	return healthy(check, "a process may open %d files and connections", limit)
}

// examinePort finds out whether a node could listen at addr, or who does.
func examinePort(ctx context.Context, s *session, addr string) finding {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		err = l.Close()
	}
	if err == nil {
		return checkPort(addr, nil, nil)
	}
	p := examineAddress(ctx, s, addr)
	return checkPort(addr, err, &p)
}

// checkPort judges that listening at addr was refused, with what answers there.
func checkPort(addr string, refused error, p *probe) finding {
	const check = "port"
	switch {
	case refused == nil:
		return healthy(check, "%s is free: no node runs here, and one could", addr)
	case errors.Is(refused, syscall.EADDRNOTAVAIL):
		return problem(check, "choose an address of this machine with --listen, and the address that others use "+
			"with --advertise",
			"%s is not an address of this machine", addr)
	case !errors.Is(refused, syscall.EADDRINUSE):
		return problem(check, "choose another port with --listen", "can't listen at %s: %s", addr,
			cli.Reason(refused))
	case p.err == nil:
		return healthy(check, "node %s listens at %s", p.info.NodeID, addr)
	case api.CodeOf(p.err) == api.CodeUnknownMethod:
		return problem(check, "give the node another port with --listen",
			"a store, or another program that speaks Kelpie's protocol, listens at %s", addr)
	}
	return problem(check, "find it with: ss -ltnp; stop it, or give the node another port with --listen",
		"the program at %s is not a node: %s", addr, cli.Reason(p.err))
}

// examineDataDir checks the data directory: may it be written to, is there room, and how long does it take to make
// something durable.
func examineDataDir(dir string) []finding {
	const check = "data directory"
	if dir == "" {
		return []finding{healthy(check, "the store is in memory and needs none")}
	}
	at, err := existing(dir)
	if err != nil {
		return []finding{checkDataDir(dir, "", 0, err)}
	}
	took, err := syncTime(at)
	all := []finding{checkDataDir(dir, at, took, err)}
	if free, err := diskFree(at); err == nil {
		all = append(all, checkDiskFree(at, free))
	} else if !errors.Is(err, errors.ErrUnsupported) {
		all = append(all, failure("disk", err, "check the file system of "+at))
	}
	return all
}

// existing returns the directory, or the first above it that exists.
func existing(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return dir, nil
		case err == nil:
			return "", api.Errorf(api.CodeFailedPrecondition, "%s is not a directory", dir)
		case !errors.Is(err, os.ErrNotExist) || filepath.Dir(dir) == dir:
			return "", err
		}
		dir = filepath.Dir(dir)
	}
}

// syncTime returns how long it takes to make a small write in dir durable, in the middle of some.
func syncTime(dir string) (_ time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".kelpie-doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	took := make([]time.Duration, syncs)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(make([]byte, syncBytes)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[syncs/2], nil
}

// checkDataDir judges a data directory, of which at is what exists, by a write that took so long or failed.
func checkDataDir(dir, at string, took time.Duration, err error) finding {
	const check = "data directory"
	if err != nil {
		return problem(check, "choose a writable one with --data-dir", "%s can't be used: %s", dir,
			cli.Reason(err))
	}
	says := "is writable"
	if at != dir {
		says = "does not exist yet, and can be created in " + at
	}
	if took > syncGood {
		return warning(check, "use a local disk with a write cache that survives power loss; a node that keeps "+
			"the store itself commits no faster", "%s %s, but a small durable write takes %v", dir, says, rounded(took))
	}
	return healthy(check, "%s %s; a small durable write takes %v", dir, says, rounded(took))
}

// checkDiskFree judges the bytes left on the file system of dir.
func checkDiskFree(dir string, free uint64) finding {
	const check, advice = "disk", "free some space, or choose another place with --data-dir; a store that can't " +
		"write serves no one"
	left := cli.Bytes(free >> 20 << 20)
	switch {
	case free < diskFreeMin:
		return problem(check, advice, "only %s are free at %s", &left, dir)
	case free < diskFreeGood:
		return warning(check, advice, "%s are free at %s", &left, dir)
	}
	left = cli.Bytes(free >> 30 << 30)
	return healthy(check, "%s are free at %s", &left, dir)
}

// rounded makes a time short to read.
func rounded(d time.Duration) time.Duration {
	if d > 10*time.Millisecond {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
