// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"filippo.io/age"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Target is a backup that is being written. Its owner calls either Commit or Abort, once.
type Target struct {
	raw   raw
	crypt io.WriteCloser // nil if nothing is encrypted
}

// raw is what has the bytes of a target.
type raw interface {
	io.Writer
	// commit has the backup appear at its place, durably. Without it nothing does.
	commit() error
	abort() error
}

// Create begins a backup at a place, which is stdout if the place is a pipe, encrypted for the recipients if there are
// any. What is at the place already is replaced only with replace. It blocks while it connects to an object store.
// Errors are CodeFailedPrecondition, and CodeUnavailable for an object store that does not answer.
func Create(ctx context.Context, place Place, stdout io.Writer, replace bool, recipients Recipients) (
	*Target, error) {
	raw, err := create(ctx, place, stdout, replace)
	if err != nil || len(recipients) == 0 {
		return &Target{raw: raw}, err
	}
	crypt, err := age.Encrypt(raw, recipients...)
	if err != nil {
		return nil, errors.Join(err, raw.abort())
	}
	return &Target{raw, crypt}, nil
}

func create(ctx context.Context, place Place, stdout io.Writer, replace bool) (raw, error) {
	switch {
	case place.Piped():
		return pipe{stdout}, nil
	case place.bucket != "":
		return putObject(ctx, place, replace)
	}
	return newFile(place.path, replace)
}

// Write implements io.Writer.
func (t *Target) Write(p []byte) (int, error) {
	if t.crypt != nil {
		return t.crypt.Write(p)
	}
	return t.raw.Write(p)
}

// Commit has the backup appear at its place. It blocks until it is durable there. If it fails, there is no backup.
func (t *Target) Commit() error {
	if t.crypt != nil {
		if err := t.crypt.Close(); err != nil {
			return errors.Join(err, t.raw.abort())
		}
	}
	return t.raw.commit()
}

// Abort leaves no backup behind, except for what a pipe has got.
func (t *Target) Abort() error { return t.raw.abort() }

// pipe is stdout.
type pipe struct{ io.Writer }

func (pipe) commit() error { return nil }
func (pipe) abort() error  { return nil }

// file is a file, which has another name until it is complete.
type file struct {
	*os.File
	path string
}

func newFile(path string, replace bool) (*file, error) {
	if err := replaceable(path, replace); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-*")
	if err != nil {
		return nil, cantWrite(path, err)
	}
	return &file{f, path}, nil
}

// replaceable returns an error if a backup can't take the place of what is at path.
func replaceable(path string, replace bool) error {
	info, err := os.Stat(path)
	switch {
	case err != nil: // it is not there, or making one there says what is wrong
		return nil
	case !info.Mode().IsRegular():
		return api.Errorf(api.CodeFailedPrecondition, "%s is not a file that can be replaced: choose another "+
			"name, or - for stdout", path)
	case !replace:
		return exists(path)
	}
	return nil
}

func exists(name string) error {
	return api.Errorf(api.CodeFailedPrecondition, "%s exists: choose another name, or pass --force to replace it", name)
}

func (f *file) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		err = cantWrite(f.path, err)
	}
	return n, err
}

// commit gives the file its name, for good: the file and the name are on the disk then.
func (f *file) commit() error {
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		return errors.Join(cantWrite(f.path, err), os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return cantWrite(f.path, err)
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) { // network file systems that can't, and do without
		err = nil
	}
	return errors.Join(err, dir.Close())
}

func (f *file) abort() error { return errors.Join(f.Close(), os.Remove(f.Name())) }

func cantWrite(path string, err error) error {
	return api.Errorf(api.CodeFailedPrecondition, "can't write %s: %s; choose a place that is writable and has room "+
		"for the backup; no file was left behind", path, reason(err))
}
