// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// FuzzSettings reads any content as a file of settings, and gives the flags what it says. What is wrong with it is
// told with the file and the line.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		"", "#", "null", "[]", "listen: h:1\nnode-id: a\ncapacity: 7\nlabel: [a=b, c=d]\nheartbeat: 1s\n",
		"capacity: &x 7\nlabel: [*x]\n", "label: &x [*x]\n", "label: {a: b}\n", "capacity: 1e99\n", "listen:\n",
		"listen: a\nlisten: b\n", "? [a]\n: b\n", "<<: {listen: a}\n", "\xff", "listen: \"", "config: x\n",
		"listen: !!binary aGk=\n", "--- {}\n--- {}\n",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "node.yaml")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		flags := pflag.NewFlagSet("start", pflag.ContinueOnError)
		flags.String("listen", "", "")
		flags.String("node-id", "", "")
		flags.Int("capacity", 0, "")
		flags.StringSlice("label", nil, "")
		flags.Duration("heartbeat", 0, "")
		flags.Bool("check-reads", false, "")
		all, err := ReadSettings(path, flags)
		for i := 0; err == nil && i < len(all); i++ {
			err = all[i].Set(flags)
		}
		if e, ok := err.(*api.Error); err != nil &&
			(!ok || e.Code != api.CodeInvalidArgument || !strings.HasPrefix(e.Message, path+":")) {
			t.Fatalf("%q: an error without a place: %v", content, err)
		}
	})
}
