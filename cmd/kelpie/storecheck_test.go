// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
)

// TestCheckFindsWhatIsBroken breaks copies of a store, one thing in each. The check says which key it is; where what is
// right follows from other keys, the repair mends it.
func TestCheckFindsWhatIsBroken(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	t.Run("base", func(t *testing.T) {
		s := serve(t, "node", "start", "--store", "pebble:"+base, "--node-id", "c1", "--listen", "127.0.0.1:0")
		at := terminal{env: map[string]string{"KELPIE_ADDR": s.address}}
		at.answers(t, "5", "counter/a", "add", "5")
		at.answers(t, "null", "kv/big", "put", `{"key":"k2","value":"x"}`)
	})
	set := func(key, value string) []string { return []string{"set", key, value} }
	gone := func(key string) []string { return []string{"clear", key} }
	for name, c := range map[string]struct {
		broken   []string
		key      string // that is told
		repaired bool
	}{
		"nothing":                   {nil, "", false},
		"seq gone":                  {gone("call/counter/a/seq"), "state/counter/a", false},
		"claim gone":                {gone("claim/counter/a"), "state/counter/a", false},
		"value is no msgpack":       {set("state/kv/big/k/k2", "0xc1c1"), "state/kv/big", false},
		"fence gone":                {gone("fence/c1"), "node/c1", false},
		"node gone under its lease": {set("node/c1", "0x0181a26964a27979"), "node/c1", false},
		"node under another name":   {set("node/zz", "0x0181a26964a27979"), "node/zz", false},
		"membership gone":           {gone("membership"), "membership", true},
		"membership fell":           {set("membership", "0x0000000000000000"), "membership", true},
		"namespace gone":            {gone("ns/counter"), "ns/counter", false},
		"unknown placement": {set("ns/counter", "0x0182a46e616d65a7636f756e746572a9706c6163656d656e74a6626f67757321"),
			"ns/counter", false},
		"namespace under another name": {set("ns/counter", "0x0181a46e616d65a26b76"), "ns/counter", false},
		"claim by a stranger": {set("claim/counter/a", "0x0183a46e6f6465a3676f6eab696e6361726e6174696f6ec4100011223344"+
			"556677"+
			"8899aabbccddeeffa5746f6b656e01"), "claim/counter/a", false},
		"token 0": {set("claim/counter/a", "0x0181a5746f6b656e00"), "claim/counter/a", false},
		"no cluster id": {set("meta", "0x0184aa636c75737465725f6964a0a6736368656d6103ac6c656173655f74746c5f6e73"+
			"cf0000000"+
			"12a05f200ac6865617274626561745f6e73ce3b9aca00"), "meta", false},
		"heartbeat longer than the lease": {set("meta", "0x0184aa636c75737465725f6964a178a6736368656d6103ac6c6561736"+
			"55f74746c5f6e7301ac6865617274626561745f6e73ce3b9aca00"), "meta", false},
		"negative heartbeat": {set("meta", "0x0184aa636c75737465725f6964a178a6736368656d6103ac6c656173655f74746c5f6e73"+
			"cf0"+
			"00000012a05f200ac6865617274626561745f6e73ff"), "meta", false},
		"bytes behind a record": {set("fence/c1", "0x0183a565706f636801ab696e6361726e6174696f6ec41000000000000000"+
			"00000000"+
			"0000000000ab7265766f636174696f6e7300deadbeef"), "fence/c1", false},
		"epoch fell":            {set("fence/c1", "0x0180"), "fence/c1", false},
		"unknown kind":          {set("bogus/x", "1"), "bogus/x", false},
		"claim of no actor":     {set("claim/counter/a%20b", "0x0181a5746f6b656e01"), "claim/counter/a%20b", false},
		"state of no namespace": {set("state/%00/a/k/x", "0xc0"), "state/%00/a", false},
		"seq without claim": {set("call/counter/zz/seq", "0x0182a16e01a56261746368c410001122334455667788"+
			"99aabbccddeeff"), "call/counter/zz/seq", false},
		"call that is no seq": {set("call/counter/a/bogus", "0x0180"), "call/counter/a/bogus", false},
		"due without state":   {set("due/#1/#1/counter/zz", "0x01"), "due/#1/#1/counter/zz", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
				t.Fatal(err)
			}
			on := func(args ...string) result {
				return terminal{}.run(append(append([]string{"store"}, args...), "--store", "pebble:"+dir)...)
			}
			if c.broken == nil {
				if r := on("check"); r.code != cli.ExitOK {
					t.Errorf("%+v", r)
				}
				return
			}
			on(append(c.broken, "--force", "--yes")...).wants(t, cli.ExitOK)
			r := on("check", "-o", "name")
			if r.code != cli.ExitCorrupt || !slices.Contains(strings.Split(r.stdout, "\n"), c.key) {
				t.Fatalf("it is not found: %+v", r)
			}
			if c.repaired {
				if r := on("check", "--repair", "-o", "json"); r.code != cli.ExitRefused ||
					!strings.Contains(r.stderr, "Repair") && !strings.Contains(r.stderr, "--yes") {
					t.Errorf("it does not ask: %+v", r)
				}
				if r := on("check", "--repair", "--yes", "-o", "json"); r.code != cli.ExitOK {
					t.Errorf("it is not repaired: %+v", r)
				}
				if r := on("check"); r.code != cli.ExitOK {
					t.Errorf("it has not stayed repaired: %+v", r)
				}
			}
		})
	}
}

// TestVerifyABackup verifies a whole one, and damaged ones.
func TestVerifyABackup(t *testing.T) {
	first, _ := twoNodes(t)
	first.answers(t, "5", "counter/a", "add", "5")
	file := filepath.Join(t.TempDir(), "b")
	first.run("store", "backup", file).wants(t, cli.ExitOK)
	terminal{}.run("store", "verify", file).wants(t, cli.ExitOK, "it is whole", "backup of cluster")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	terminal{stdin: string(b)}.run("store", "verify", "-").wants(t, cli.ExitOK, "it is whole")
	flipped := bytes.Clone(b)
	flipped[len(b)/2] ^= 1
	for says, content := range map[string][]byte{"truncated": b[:len(b)-10], "checksum": flipped, "not a backup": nil} {
		terminal{stdin: string(content)}.run("store", "verify", "-").wants(t, cli.ExitCorrupt, says)
	}
	terminal{}.run("store", "verify", file+".none").wants(t, cli.ExitNotFound, "none")
}
