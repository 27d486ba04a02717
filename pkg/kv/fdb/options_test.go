// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package fdb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseOptions(t *testing.T) {
	for s, want := range map[string]Options{
		"":                        {},
		"a/fdb.cluster":           {ClusterFile: "a/fdb.cluster"},
		"?prefix=k%2F":            {Prefix: "k/"},
		"f.cluster?prefix=%00ab":  {ClusterFile: "f.cluster", Prefix: "\x00ab"},
		"f.cluster?":              {ClusterFile: "f.cluster"},
		"f?timeout=5s&prefix=k":   {ClusterFile: "f", Timeout: 5 * time.Second, Prefix: "k"},
		"f?size_limit=1000000":    {ClusterFile: "f", SizeLimit: 1_000_000},
		"?tls_cert=c&tls_key=k":   {TLS: TLS{Cert: "c", Key: "k"}},
		"?tls_ca=%2Fetc%2Fca.pem": {TLS: TLS{CA: "/etc/ca.pem"}},
		"?tls_verify_peers=Check.Valid=1,S.CN=fdb.example": {TLS: TLS{VerifyPeers: "Check.Valid=1,S.CN=fdb.example"}},
	} {
		if got, err := ParseOptions(s); got != want || err != nil {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	for s, want := range map[string]string{
		"f?prefix=%ff":                           "outside the key space",
		"f?prefix=" + strings.Repeat("x", 1_001): "longer than 1000",
		"f?prefix=a&prefix=b":                    "is set 2 times",
		"f?prefix=":                              "has no value",
		"f?prefx=a":                              "; there are prefix, size_limit, timeout, tls_ca",
		"f?prefix=%zz":                           "invalid URL escape",
		"f?timeout=5":                            "missing unit",
		"f?timeout=1us":                          "not between 1ms and 24h",
		"f?size_limit=31":                        "not between 32 and 10000000 bytes",
		"f?size_limit=10000001":                  "not between 32 and 10000000 bytes",
		"f?size_limit=1MB":                       "invalid syntax",
		"f?tls_cert=c":                           "together, or neither",
	} {
		if got, err := ParseOptions(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want an error with %q", s, got, err, want)
		}
	}
}

// TestFindClusterFile shows where a cluster file is looked for, and what is said of one that is none.
func TestFindClusterFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	unset := func(string) (string, bool) { return "", false }
	variable := func(path string) func(string) (string, bool) {
		return func(name string) (string, bool) { return path, name == clusterFileVariable }
	}
	write := func(name, content string) {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("given", "# made by a test\nname:id@10.0.0.1:4500,10.0.0.2:4500:tls\n")
	write("two", "name:id@10.0.0.1:4500\nname:id@10.0.0.1:4500\n")
	write("other", "store: pebble\n")
	write("named", "name:id@[::1]:4500")
	write("noted", "name:id@fdb1:4500 # and a note\n # another\n")
	for _, c := range []struct {
		given   string
		getenv  func(string) (string, bool)
		want    string
		wantErr string
	}{
		{"given", variable("named"), "given", ""},
		{"", variable("named"), "named", ""},
		{"noted", unset, "noted", ""},
		{"", variable("none"), "", "no cluster file found"},
		{"", variable(""), "", "no cluster file found"},
		{"none", unset, "", "cluster file none does not exist"},
		{"two", unset, "", "cluster file two: it is malformed"},
		{"other", unset, "", "one line, DESCRIPTION:ID@IP:PORT"},
		{".", unset, "", "is a directory"},
	} {
		got, err := findClusterFile(c.given, c.getenv)
		if c.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), c.wantErr) {
				t.Errorf("%q: %q, %v; want an error with %q", c.given, got, err, c.wantErr)
			}
			continue
		}
		if err != nil || !filepath.IsAbs(got) || filepath.Base(got) != c.want {
			t.Errorf("%q: %q, %v; want the absolute path of %s", c.given, got, err, c.want)
		}
	}
	write(clusterFileHere, "here:id@10.0.0.1:4500\n")
	if got, err := findClusterFile("", unset); filepath.Base(got) != clusterFileHere || err != nil {
		t.Errorf("in the working directory: %q, %v", got, err)
	}
}

func TestTLSReadable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (TLS{Cert: file, Key: file, VerifyPeers: "Check.Valid=1"}).checkReadable(); err != nil {
		t.Error(err)
	}
	if err := (TLS{CA: file + ".none"}).checkReadable(); err == nil || !strings.Contains(err.Error(), "tls_ca: ") {
		t.Errorf("a file that is not there: %v", err)
	}
}
