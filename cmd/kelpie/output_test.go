// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// TestListingsDescribeTheirJSON shows that every key of every row is documented, in order.
func TestListingsDescribeTheirJSON(t *testing.T) {
	check(t, nodeListing)
	check(t, actorListing)
	check(t, leaseListing)
	check(t, placementListing)
	check(t, clusterStatusListing)
	check(t, actorDetailListing)
	check(t, actorChangeListing)
	check(t, deadLetterListing)
	check(t, alarmListing)
	check(t, sendListing)
	check(t, simItemListing)
	check(t, namespaceListing)
	check(t, namespaceChangeListing)
	check(t, storeListing)
	check(t, jobListing)
	check(t, rebalanceListing)
	check(t, failureListing)
	check(t, migrateListing)
	check(t, nodeDetailListing)
	check(t, contextListing)
	check(t, settingListing)
	check(t, findingListing)
}

func check[R any](t *testing.T, l listing[R]) {
	t.Helper()
	var documented []string
	for _, f := range l.fields {
		documented = append(documented, f.key)
		if f.meaning == "" {
			t.Errorf("%T: %s has no meaning", l, f.key)
		}
	}
	if keys := jsonKeys[R](); !slices.Equal(keys, documented) {
		t.Errorf("%T: rows have %v, documented are %v", l, keys, documented)
	}
}

var testRows = []api.ActorRow{
	{Actor: "counter/a", Node: "n1", Address: "127.0.0.1:1", State: "owned", Epoch: 2, Token: 18446744073709551615,
		Since: "2026-01-02T03:04:05Z"},
	{Actor: "counter/b<", State: "released", Token: 3},
	{Actor: "yes", Node: "1", State: "owned\x1b[2J\n"},
}

func print(t *testing.T, f format, s style, one bool, pages ...[]api.ActorRow) string {
	t.Helper()
	var b strings.Builder
	p := newPrinter(&b, f, s, actorListing, one)
	for _, page := range pages {
		if err := p.rows(page); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestFormats shows what every format makes of the same rows, in two pages.
func TestFormats(t *testing.T) {
	for f, want := range map[format]string{
		formatTable: `
ACTOR        NODE   STATE      EPOCH   TOKEN                  SINCE
counter/a    n1     owned      2       18446744073709551615   2026-01-02T03:04:05Z
counter/b<   -      released   0       3                      -
yes          1      owned\u001b[2J   0       0                      -
`,
		formatWide: `
ACTOR        NODE   ADDRESS       STATE      EPOCH   TOKEN                  SINCE
counter/a    n1     127.0.0.1:1   owned      2       18446744073709551615   2026-01-02T03:04:05Z
counter/b<   -      -             released   0       3                      -
yes          1      -             owned\u001b[2J   0       0                      -
`,
		formatName: `
counter/a
counter/b<
yes
`,
		formatJSON: `
[
{"actor":"counter/a","node":"n1","address":"127.0.0.1:1","state":"owned","epoch":2,"token":18446744073709551615,"since":"2026-01-02T03:04:05Z"},
{"actor":"counter/b<","node":"","address":"","state":"released","epoch":0,"token":3,"since":""},
{"actor":"yes","node":"1","address":"","state":"owned\u001b[2J\n","epoch":0,"token":0,"since":""}
]
`,
		formatYAML: `
- actor: counter/a
  node: n1
  address: "127.0.0.1:1"
  state: owned
  epoch: 2
  token: 18446744073709551615
  since: "2026-01-02T03:04:05Z"
- actor: counter/b<
  node: ""
  address: ""
  state: released
  epoch: 0
  token: 3
  since: ""
- actor: "yes"
  node: "1"
  address: ""
  state: "owned\e[2J\n"
  epoch: 0
  token: 0
  since: ""
`,
	} {
		if got := print(t, f, style{}, false, testRows[:2], testRows[2:]); got != want[1:] {
			t.Errorf("-o %s prints\n%s\nwant\n%s", f, got, want[1:])
		}
	}
}

// TestTextFromElsewhere shows that no format prints what a terminal would obey, and that every reader of JSON and of
// YAML gets back what was there.
func TestTextFromElsewhere(t *testing.T) {
	for r := range rune(0x10000) {
		if r >= 0xd800 && r < 0xe000 || r > 0x20ff && r < 0xfe00 { // no characters; letters
			continue
		}
		row := api.ActorRow{Actor: "kv/x", Node: "x" + string(r) + "y " + string(r), State: string(r)}
		for _, f := range formats {
			got := print(t, f, style{}, false, []api.ActorRow{row})
			for _, c := range got {
				if c != '\n' && human.Escape(string(c)) != string(c) {
					t.Errorf("-o %s prints %U as %q", f, r, got)
				}
			}
			var back []api.ActorRow
			var err error
			switch f {
			case formatJSON:
				err = json.Unmarshal([]byte(got), &back)
			case formatYAML:
				var rows []struct{ Node, State string }
				err = yaml.Unmarshal([]byte(got), &rows)
				for _, row := range rows {
					back = append(back, api.ActorRow{Actor: "kv/x", Node: row.Node, State: row.State})
				}
			default:
				continue
			}
			if err != nil || len(back) != 1 || back[0] != row {
				t.Errorf("-o %s of %U: %+v comes back, error %v", f, r, back, err)
			}
		}
		if t.Failed() {
			return
		}
	}
}

// TestNoRows shows that an empty answer is still one.
func TestNoRows(t *testing.T) {
	for f, want := range map[format]string{
		formatTable: "ACTOR   NODE   STATE   EPOCH   TOKEN   SINCE\n", formatName: "", formatJSON: "[]\n",
		formatYAML: "[]\n",
	} {
		if got := print(t, f, style{}, false); got != want {
			t.Errorf("-o %s prints %q, want %q", f, got, want)
		}
	}
}

// TestOneRow shows that a single answer is an object, not a list.
func TestOneRow(t *testing.T) {
	got := print(t, formatJSON, style{}, true, testRows[:1])
	var row api.ActorRow
	if err := json.Unmarshal([]byte(got), &row); err != nil || row != testRows[0] || !strings.HasSuffix(got, "}\n") {
		t.Errorf("printed %s (%v)", got, err)
	}
	if got := print(t, formatYAML, style{}, true, testRows[:1]); !strings.HasPrefix(got, "actor: counter/a\n") {
		t.Errorf("printed %s", got)
	}
}

// TestColour shows that colour changes nothing of the columns.
func TestColour(t *testing.T) {
	got := print(t, formatTable, style{colour: true}, false, testRows[:2])
	for _, want := range []string{sgrBold + "ACTOR" + sgrReset + "     ", sgrGreen + "owned" + sgrReset + "      2",
		sgrDim + "released" + sgrReset + "   0"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

// jsonKeys returns the keys of the JSON of a struct, in order.
func jsonKeys[R any]() []string {
	var keys []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[R]()) {
		if f.Anonymous { // its fields are
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		keys = append(keys, key)
	}
	return keys
}
