// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/sim"
)

// checkPage finds out whether a page can be written, before hours are spent on what it will show. Errors are
// CodeInvalidArgument.
func checkPage(name string) error {
	if name == "" {
		return api.Errorf(api.CodeInvalidArgument, "--html: the name of a file is missing")
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return api.Errorf(api.CodeInvalidArgument, "--html %s: that is a directory", name)
	}
	if _, err := os.Stat(filepath.Dir(name)); err != nil {
		return api.Errorf(api.CodeInvalidArgument, "--html %s: %s", name, cli.Reason(err))
	}
	return nil
}

// writePage draws a run. Of nil, which is many runs none of which broke a promise, there is nothing to draw.
func (k *kelpie) writePage(name string, r *sim.Result) error {
	if r == nil {
		_, err := human.Fprintf(k.Stderr, "%s was not written: there is no broken promise to show\n", name)
		return err
	}
	var page bytes.Buffer
	if err := sim.WriteHTML(&page, traced(r)); err != nil {
		return err
	}
	if err := os.WriteFile(name, page.Bytes(), 0o644); err != nil {
		return fmt.Errorf("%s was not written: %s", name, cli.Reason(err))
	}
	_, err := human.Fprintf(k.Stderr, "%s shows the run of seed %d\n", name, r.Config.Seed)
	return err
}
