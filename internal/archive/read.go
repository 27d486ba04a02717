// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Source is a backup to read.
type Source struct {
	place      Place
	stdin      io.Reader
	identities Identities
	size       int64
}

// NewSource returns the backup at a place, which is read from stdin if the place is a pipe. With identities it must be
// encrypted for one of them, without it must not be.
func NewSource(place Place, stdin io.Reader, identities Identities) *Source {
	return &Source{place: place, stdin: stdin, identities: identities}
}

// String is what people call the source.
func (s *Source) String() string {
	if s.place.Piped() {
		return "stdin"
	}
	return s.place.String()
}

// Once reports whether the source can be opened only once.
func (s *Source) Once() bool { return s.place.Piped() }

// Size is how many bytes the place has, known once it has been opened; 0 if that is not known.
func (s *Source) Size() int64 { return s.size }

// Open returns a reader of the backup, from its beginning, decrypted. It blocks while it connects to an object store.
// Errors are CodeNotFound, CodeFailedPrecondition, CodeUnavailable for an object store that does not answer, and
// CodeCorruptState.
func (s *Source) Open(ctx context.Context) (io.ReadCloser, error) {
	raw, err := s.raw(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := decrypt(raw, s.String(), s.identities)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &opened{plain, raw}, nil
}

type opened struct {
	io.Reader
	io.Closer
}

func (s *Source) raw(ctx context.Context) (io.ReadCloser, error) {
	switch {
	case s.place.Piped():
		return io.NopCloser(s.stdin), nil
	case s.place.bucket != "":
		object, size, err := getObject(ctx, s.place)
		s.size = size
		return object, err
	}
	return s.file()
}

func (s *Source) file() (*os.File, error) {
	file, err := os.Open(s.place.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, api.Errorf(api.CodeNotFound, "there is no file %q", s.place.path)
	case err != nil:
		return nil, cantRead(s.place.path, err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = cantRead(s.place.path, err)
	case info.IsDir():
		err = cantRead(s.place.path, errors.New("it is a directory; name a file"))
	case info.Mode().IsRegular():
		s.size = info.Size()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func cantRead(name string, err error) error {
	return api.Errorf(api.CodeFailedPrecondition, "can't read %s: %s", name, reason(err))
}

// reason is an error of the system without the name of the file, or the address of the request.
func reason(err error) string {
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		err = link.Err
	}
	return fmt.Sprint(err)
}
