// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Recipients are public keys of age, for which a backup is encrypted; none for one that is not.
type Recipients []age.Recipient

// Identities are private keys of age, with one of which a backup is decrypted; none for one that is not encrypted.
type Identities []age.Identity

// ReadRecipients parses keys and reads files of them. Errors are CodeInvalidArgument, or CodeNotFound for a file.
func ReadRecipients(keys, files []string) (Recipients, error) {
	var all Recipients
	for _, key := range keys {
		parsed, err := age.ParseRecipients(strings.NewReader(key))
		if err != nil {
			return nil, api.Errorf(api.CodeInvalidArgument, "--recipient %q is not a public key of age: it begins "+
				"with age1, and age-keygen prints it", key)
		}
		all = append(all, parsed...)
	}
	return appendFiles(all, files, age.ParseRecipients, "public keys")
}

// ReadIdentities reads files of keys, as age-keygen writes them. Errors are CodeInvalidArgument, or CodeNotFound for a
// file.
func ReadIdentities(files []string) (Identities, error) {
	return appendFiles[age.Identity](nil, files, age.ParseIdentities, "private keys")
}

func appendFiles[K any](all []K, files []string, parse func(io.Reader) ([]K, error), what string) ([]K, error) {
	for _, name := range files {
		parsed, err := parseFile(name, parse, what)
		if err != nil {
			return nil, err
		}
		all = append(all, parsed...)
	}
	return all, nil
}

func parseFile[K any](name string, parse func(io.Reader) ([]K, error), what string) ([]K, error) {
	file, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, api.Errorf(api.CodeNotFound, "there is no file %q, which should have %s of age", name, what)
	case err != nil:
		return nil, cantRead(name, err)
	}
	defer file.Close() // which was read only
	keys, err := parse(file)
	if err != nil { // which may quote a key
		return nil, api.Errorf(api.CodeInvalidArgument, "%s has no %s of age, or other lines beside them", name, what)
	}
	return keys, nil
}

// ageHeader begins whatever age encrypts.
const ageHeader = "age-encryption.org/v1\n"

// decrypt returns what is in from, of the place of that name. With identities it must be encrypted, so that an
// attacker can't replace an encrypted backup with a plain one. Errors are CodeFailedPrecondition; those of the reader
// are CodeCorruptState for what has been changed or cut off, and from's.
func decrypt(from io.Reader, name string, identities Identities) (io.Reader, error) {
	source := &source{r: from}
	buffered := bufio.NewReader(source)
	begin, err := buffered.Peek(len(ageHeader))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch encrypted := string(begin) == ageHeader; {
	case encrypted && len(identities) == 0:
		return nil, api.Errorf(api.CodeFailedPrecondition, "%s is encrypted: pass --identity FILE, with a private "+
			"key that it is for", name)
	case !encrypted && len(identities) > 0:
		return nil, api.Errorf(api.CodeFailedPrecondition, "%s is not encrypted: if it should not be, leave out "+
			"--identity", name)
	case !encrypted:
		return buffered, nil
	}
	plain, err := age.Decrypt(buffered, identities...)
	if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
		return nil, api.Errorf(api.CodeFailedPrecondition, "%s is encrypted for others: no key in the files of "+
			"--identity decrypts it", name)
	}
	d := &decrypted{plain: plain, source: source}
	if err != nil {
		return nil, d.why(err)
	}
	return d, nil
}

// source remembers the error of a reader.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// decrypted is a reader whose errors say whether what it reads has been changed.
type decrypted struct {
	plain  io.Reader
	source *source
}

func (d *decrypted) Read(p []byte) (int, error) {
	n, err := d.plain.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.why(err)
	}
	return n, err
}

func (d *decrypted) why(err error) error {
	switch {
	case d.source.err != nil:
		return d.source.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return err // the reader of the backup says that it was cut off
	}
	return api.Errorf(api.CodeCorruptState, "it can't be decrypted, so it has been damaged or changed")
}
