// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// identityFile holds an identity in its data directory.
const identityFile = "node.json"

// identity is what a node keeps of itself: its name, and where it belongs. It lets a node that was told
// these things once be restarted without being told again, and keeps it from joining another cluster by mistake.
type identity struct {
	Node      string `json:"node"`
	ClusterID string `json:"cluster_id,omitempty"`
	// Store is the URL of the store if another process serves it; empty if the node opens its own.
	Store string `json:"store,omitempty"`
}

// loadIdentity reads the identity kept in dir, the zero value if there is none.
func loadIdentity(dir string) (identity, error) {
	var id identity
	path := filepath.Join(dir, identityFile)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return id, nil
	}
	if err != nil {
		return id, dirError(dir, err)
	}
	if err := json.Unmarshal(content, &id); err != nil || api.ValidateNodeID(id.Node) != nil {
		return identity{}, api.Errorf(api.CodeCorruptState, "%s can't be read: it should hold the node's name "+
			"and cluster; restore it, or delete it to let the node make a new one", path)
	}
	return id, nil
}

// save keeps the identity in dir, which is made if need be. When it returns, the
// identity outlives the machine's failure; at any moment the file is whole, old or new.
func (id identity) save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dirError(dir, err)
	}
	content, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	if err := cli.ReplaceFile(filepath.Join(dir, identityFile), append(content, '\n')); err != nil {
		return dirError(dir, err)
	}
	return nil
}

// dirError is a failure to use a data directory.
func dirError(dir string, err error) error {
	if isFull(err) {
		return fullError(dir, err)
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the path says the same again
	}
	return cli.Advise(
		api.Errorf(api.CodeFailedPrecondition, "data directory %s can't be used: %w", dir, err),
		"choose a writable directory with --data-dir or --store pebble:DIR",
	)
}

// defaultDataDir returns the directory of the given name among the user's data.
func defaultDataDir(getenv func(string) string, name string) (string, error) {
	base := getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(base) { // the XDG specification says to ignore a relative one
		home := getenv("HOME")
		if home == "" {
			return "", api.Errorf(api.CodeInvalidArgument, "there is no default data directory, because "+
				"$XDG_DATA_HOME and $HOME are not set; pass --data-dir")
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "kelpie", name), nil
}

// defaultNodeID names a node after its machine and port.
func defaultNodeID(hostname, port string) string {
	first, _, _ := strings.Cut(hostname, ".")
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, first)
	name = strings.Trim(name, "-")
	if name == "" {
		name = "node"
	}
	// A label of a host name has 63 bytes, but nothing forces the system to keep to that.
	name = name[:min(len(name), api.NodeIDBytesMax-len("-65535"))]
	return fmt.Sprintf("%s-%s", name, port)
}
