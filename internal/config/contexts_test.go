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

// known are flags that contexts of tests have values for: one of each type.
func known() (*pflag.FlagSet, func() error) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.StringSlice("addr", nil, "")
	flags.Duration("timeout", 0, "")
	flags.String("output", "", "")
	flags.Bool("plain", false, "")
	limit := flags.Int("limit", 0, "")
	return flags, func() error {
		if *limit < 0 {
			return api.Errorf(api.CodeInvalidArgument, "--limit %d: must not be negative", *limit)
		}
		return nil
	}
}

// readContent reads a file of contexts that has the content.
func readContent(t *testing.T, content []byte) (*Contexts, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := ReadContexts(path, known)
	if e, ok := err.(*api.Error); err != nil &&
		(!ok || e.Code != api.CodeInvalidArgument || !strings.HasPrefix(e.Message, path+":")) {
		t.Fatalf("%q: an error without a place: %v", content, err)
	}
	return c, err
}

// FuzzContexts shows that any content is either refused with a place, or can be edited, after which it is read as
// what it should be, or refuses to be.
func FuzzContexts(f *testing.F) {
	for _, seed := range []string{
		"", "#", "null", "{}", "[]", "a", "current: a\ncontexts: {a: {addr: [h:1], plain: true, limit: 7}, b: }\n",
		"contexts: &x {a: &y {}, b: *y}\n",
		"current: &a a\ncontexts:\n  *a : {}\n", "contexts: {a: {addr: &x [*x]}}\n",
		"contexts:\n  a: {timeout: 1s} # c\n", "--- {}\n--- {}\n", "<<: {}\n", "\xff", "a: \"",
		"contexts: {a: {addr: [\"x,y\", 'a\"b']}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := readContent(t, content)
		if err != nil {
			return
		}
		const name = "the-new-one"
		if c.Lookup(name) != nil {
			return
		}
		before := len(c.All)
		flags, _ := known()
		for flag, value := range map[string]string{"addr": "h:1,h:2", "timeout": "1m", "output": "7", "plain": "true",
			"limit": "7"} {
			if err := flags.Set(flag, value); err != nil {
				t.Fatal(err)
			}
		}
		c.Add(name, flags)
		c.Use(name)
		if c = again(t, c); c == nil {
			return
		}
		x := c.Lookup(name)
		if x == nil || c.Current != name || len(c.All) != before+1 || len(x.Settings) != 5 {
			t.Fatalf("%q: added %+v, current %q of %d", content, x, c.Current, len(c.All))
		}
		got, _ := known()
		for i := range x.Settings {
			if err := x.Settings[i].Set(got); err != nil {
				t.Fatal(err)
			}
		}
		flags.VisitAll(func(f *pflag.Flag) {
			if value := got.Lookup(f.Name).Value.String(); value != f.Value.String() {
				t.Errorf("%q: %s is %s, want %s", content, f.Name, value, f.Value)
			}
		})
		c.Remove(name)
		if c = again(t, c); c != nil && (c.Lookup(name) != nil || c.Current != "" || len(c.All) != before) {
			t.Fatalf("%q: not removed: current %q of %d", content, c.Current, len(c.All))
		}
	})
}

// TestValuesAreCheckedOfEveryContext shows that a value that a check refuses is told with its line, also in a context
// that is not current.
func TestValuesAreCheckedOfEveryContext(t *testing.T) {
	_, err := readContent(t, []byte("current: a\ncontexts:\n  a: {limit: 1}\n  b:\n    plain: true\n    limit: -1\n"))
	if err == nil || !strings.HasSuffix(err.Error(), ":6 (context b): limit: -1: must not be negative") {
		t.Errorf("got %v", err)
	}
}

// TestEditsThatWouldDoHarm shows that a file is left alone that would be read as something else after an edit.
func TestEditsThatWouldDoHarm(t *testing.T) {
	c, err := readContent(t, []byte("contexts: #\n  a: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	c.Remove("a")
	if content, err := c.Encode(); api.CodeOf(err) != api.CodeFailedPrecondition ||
		!strings.Contains(err.Error(), "edit it by hand") {
		t.Errorf("%v:\n%s", err, content)
	}
}

// again writes the contexts and reads them; nil says that they are refused to be written.
func again(t *testing.T, c *Contexts) *Contexts {
	t.Helper()
	content, err := c.Encode()
	if api.CodeOf(err) == api.CodeFailedPrecondition {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err = readContent(t, content)
	if err != nil {
		t.Fatalf("%v of\n%s", err, content)
	}
	return c
}
