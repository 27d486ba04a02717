// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"strings"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// scheme begins the place of an object.
const scheme = "s3://"

// Place is where a backup is kept.
type Place struct {
	// path is a file's, or "-" for a pipe; bucket and key are an object's.
	path        string
	bucket, key string
}

// ParsePlace reads a place: the name of a file, s3://BUCKET/KEY, or "-" for a pipe. Errors are CodeInvalidArgument.
func ParsePlace(text string) (Place, error) {
	if text == "" {
		return Place{}, api.Errorf(api.CodeInvalidArgument,
			"FILE is empty: pass the name of a file, s3://BUCKET/KEY, or - for a pipe")
	}
	rest, object := strings.CutPrefix(text, scheme)
	if !object {
		return Place{path: text}, nil
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" || key == "" || strings.HasSuffix(key, "/") {
		return Place{}, api.Errorf(api.CodeInvalidArgument, "%q names no object: it must be s3://BUCKET/KEY", text)
	}
	return Place{bucket: bucket, key: key}, nil
}

// String returns what ParsePlace reads.
func (p Place) String() string {
	if p.bucket != "" {
		return scheme + p.bucket + "/" + p.key
	}
	return p.path
}

// Piped reports whether the place is stdin or stdout.
func (p Place) Piped() bool { return p.path == "-" }
