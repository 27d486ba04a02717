// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package timezone

import (
	"archive/zip"
	"bytes"
	_ "embed" // the database
	"io"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
)

//go:embed zoneinfo.zip
var archive []byte

var database = sync.OnceValues(func() (*zip.Reader, error) {
	return zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
})

// Load returns a zone by its name. Errors are CodeInvalidArgument.
func Load(name string) (*time.Location, error) {
	if name == "UTC" {
		return time.UTC, nil
	}
	data, err := read(name)
	if err != nil {
		return nil, api.Errorf(api.CodeInvalidArgument, "no time zone is named %q: write a name of the IANA database, "+
			"such as Europe/Berlin or UTC", name)
	}
	location, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		return nil, api.Errorf(api.CodeInvalidArgument, "the time zone %q can't be read: %v", name, err)
	}
	return location, nil
}

func read(name string) ([]byte, error) {
	db, err := database()
	if err != nil {
		return nil, err
	}
	file, err := db.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // of memory
	return io.ReadAll(file)
}
