// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/backup"
	"github.com/kelpiehq/kelpie/pkg/host"
)

// backupFile is a backup to read: a file, or what comes by a pipe.
type backupFile struct {
	io.ReadCloser
	// name is for people.
	name string
	// file is nil for a pipe, which can be read only once.
	file *os.File
	// size is 0 if it is not known.
	size int64
}

// openBackup opens a file, or stdin if path is "-".
func (k *kelpie) openBackup(path string) (*backupFile, error) {
	if path == "-" {
		return &backupFile{ReadCloser: io.NopCloser(k.Stdin), name: "stdin"}, nil
	}
	file, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, api.Errorf(api.CodeNotFound, "there is no file %q", path)
	case err != nil:
		return nil, cantRead(path, host.Reason(err))
	}
	b := &backupFile{ReadCloser: file, name: path}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = cantRead(path, host.Reason(err))
	case info.IsDir():
		err = cantRead(path, "it is a directory; name a file")
	case info.Mode().IsRegular():
		b.file, b.size = file, info.Size()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return b, nil
}

func cantRead(path, why string) error {
	return api.Errorf(api.CodeFailedPrecondition, "can't read %s: %s", path, why)
}

// cantWrite names the backup in an error of its file, which bears another name until it is complete. Other errors
// stay as they are.
func cantWrite(path string, err error) error {
	_, file := errors.AsType[*fs.PathError](err)
	_, link := errors.AsType[*os.LinkError](err)
	if !file && !link {
		return err
	}
	return host.Advise(api.Errorf(api.CodeFailedPrecondition, "can't write %s: %s", path, host.Reason(err)),
		"choose a place that is writable and has room for the backup; no file was left behind")
}

// verify reads a file through from its beginning, so that nothing is deleted for a backup that turns out to be
// damaged, and goes back to its beginning. What comes by a pipe is not verified.
func (b *backupFile) verify(ctx context.Context, p *progress) error {
	if b.file == nil {
		return nil
	}
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	// for the looks
	_, _, err := backup.Verify(ctx, b.file,
		backup.Options{Progress: func(t backup.Trailer) { _ = p.say(b.bar(t) + " verified " + copied(t)) }})
	p.clear()
	if err == nil {
		_, err = b.file.Seek(0, io.SeekStart)
	}
	return b.err(err)
}

// bar draws how much of the file has been read.
func (b *backupFile) bar(t backup.Trailer) string {
	if b.size == 0 {
		return ""
	}
	return progressBar(float64(t.Bytes) / float64(b.size))
}

// err names the backup in an error of reading it.
func (b *backupFile) err(err error) error {
	if api.CodeOf(err) == api.CodeCorruptState {
		return host.Advise(api.Errorf(api.CodeCorruptState, "%s: %s", b.name, host.Message(err)),
			"nothing was restored; use another copy, or another backup")
	}
	return err
}

// publish gives a complete backup its name, for good: the file and the name are on the disk then.
func publish(file *os.File, path string) error {
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) { // network file systems that can't, and do without
		err = nil
	}
	return errors.Join(err, dir.Close())
}
