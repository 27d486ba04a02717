// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/occ/pebbledb"
)

// TestRecordingFormat shows that a recording is written as FoundationDB's was, to the byte.
func TestRecordingFormat(t *testing.T) {
	unzipped, err := gzip.NewReader(bytes.NewReader(scriptsGzip))
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := readScripts(bytes.NewReader(scriptsGzip))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := writeLines(&got, scripts); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("written again, the recording has %d bytes, and differs from the %d that it had", got.Len(), len(want))
	}
}

// recording is what a store in memory answers to the scripts of the first n seeds.
func recording(t *testing.T, n int, engine occ.Engine, breaking func(kv.Store) kv.Store) []script {
	t.Helper()
	var scripts []script
	seeds := make([]int, n)
	for i := range seeds {
		seeds[i] = i + 1
	}
	failures := failuresIn(t, engine, breaking, func(w *world) {
		scripts = w.recordAll(seeds)
	})
	if len(failures) > 0 {
		t.Fatal(failures[0])
	}
	return scripts
}

// TestRecordingOnOtherStores shows that a recording of one right store replays on others.
func TestRecordingOnOtherStores(t *testing.T) {
	recorded := recording(t, 100, occ.NewMemory(), unbroken)
	for name, v := range map[string]kv.Version{"memory": 1, "memory of other stamps": 0x2aaa_aaaa_aaaa_c000} {
		if failures := failuresIn(t, aged(t, v), unbroken, func(w *world) { w.replayAll(recorded) }); len(
			failures) > 0 {
			t.Errorf("%s: %s", name, failures[0])
		}
	}
	engine, err := pebbledb.Open(t.TempDir(), pebbledb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := occ.Open(env.Real(), engine, occ.Options{})
	if err != nil {
		t.Fatal(err)
	}
	inWorld(t, env.Real(), store, func(w *world) { w.replayAll(recorded) })
}

// TestRecordingHasAll shows that the scripts that are made up have what those of FoundationDB have: all operations,
// and all ways to end.
func TestRecordingHasAll(t *testing.T) {
	golden, err := readScripts(bytes.NewReader(scriptsGzip))
	if err != nil {
		t.Fatal(err)
	}
	made := kinds(recording(t, 200, occ.NewMemory(), unbroken))
	for kind, often := range kinds(golden) {
		if often > 20 && made[kind] == 0 {
			t.Errorf("%q comes %d times in FoundationDB's scripts, and not in those made up", kind, often)
		}
	}
}

// kinds counts operations with what they answer, names of stamps included.
func kinds(scripts []script) map[string]int {
	count := map[string]int{}
	for _, s := range scripts {
		for _, st := range s.Steps {
			kind := st.Op
			switch {
			case st.Err != 0:
				kind += " failed"
			case st.Out == nil:
			case st.Op == "commit":
				kind += " " + string(st.Out)
			case strings.Contains(string(st.Out), "<"):
				kind += " " + regexp.MustCompile(`<[a-z]+`).FindString(string(st.Out))
			default:
				kind += " answered"
			}
			count[kind]++
		}
	}
	return count
}

// TestRecordingOfBrokenStores shows that a recording of a store that breaks the contract tells: replayed on a right
// store or compared with its recording, it differs, and the seed and the step are named.
func TestRecordingOfBrokenStores(t *testing.T) {
	where := regexp.MustCompile(`^script with seed \d+, (step \d+, \w+ by \d|after the last step): `)
	right := recording(t, 40, occ.NewMemory(), unbroken)
	for _, breaks := range []string{"loses the read conflicts of keys", "clears the end of a range too",
		"sets instead of adding", "returns one row more than the limit"} {
		wrong := recording(t, 40, occ.NewMemory(), brokenBy(t, breaks).open)
		failures := failuresIn(t, occ.NewMemory(), unbroken, func(w *world) { w.replayAll(wrong) })
		if len(failures) == 0 || !where.MatchString(failures[0]) {
			t.Errorf("what a store answers that %s, replayed on a right one, reports %q", breaks, failures)
		}
		if differences := compareRecordings(right, wrong); len(differences) != len(failures) ||
			!where.MatchString(differences[0]) {
			t.Errorf("compared, it reports %d differences, and %d when replayed", len(differences), len(failures))
		} else {
			t.Logf("%s: %d differences, the first: %s", breaks, len(differences), differences[0])
		}
	}
}

// TestCompare compares the recordings that -kvtest.compare names. Without it, it shows that only what stores may answer
// differently is not compared: what is computed from stamps.
func TestCompare(t *testing.T) {
	if *compareFlag != "" {
		compareDirectories(t, *compareFlag)
		return
	}
	a, b := recording(t, 200, occ.NewMemory(), unbroken), recording(t, 200, aged(t, 0x2aaa_aaaa_aaaa_c000), unbroken)
	if differences := compareRecordings(a, b); len(differences) > 0 {
		t.Errorf("the same store with other stamps: %s", differences[0])
	}
	var texts [2]bytes.Buffer
	for i, scripts := range [][]script{a, b} {
		if err := writeLines(&texts[i], scripts); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(texts[0].Bytes(), texts[1].Bytes()) {
		t.Error("none of the scripts computes with a stamp")
	}
	if differences := compareRecordings(a[:1], b[1:2]); len(differences) != 2 {
		t.Errorf("recordings of two scripts have the differences %q", differences)
	}
	cut := a[0]
	cut.Steps = cut.Steps[:len(cut.Steps)-1]
	for _, pair := range [][2]script{{a[0], cut}, {cut, a[0]}} {
		if err := compareScripts(pair[0], pair[1]); err == nil {
			t.Error("a script that ends early does not differ")
		}
	}
}

func compareDirectories(t *testing.T, text string) {
	first, second, ok := strings.Cut(text, ",")
	if !ok {
		t.Fatalf("-kvtest.compare %q: want two directories with a comma between", text)
	}
	var scripts [2][]script
	for i, dir := range []string{first, second} {
		var err error
		if err = checkRecording(dir, true); err == nil {
			scripts[i], err = readRecording(dir)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, difference := range compareRecordings(scripts[0], scripts[1]) {
		t.Error(difference)
	}
}

func TestParseSeeds(t *testing.T) {
	if seeds, err := parseSeeds("3-5"); err != nil || !slices.Equal(seeds, []int{3, 4, 5}) {
		t.Errorf("3-5 gives %v, %v", seeds, err)
	}
	if seeds, err := parseSeeds("7"); err != nil || !slices.Equal(seeds, []int{7}) {
		t.Errorf("7 gives %v, %v", seeds, err)
	}
	for _, text := range []string{"", "x", "5-3", "1-", "1-x"} {
		if seeds, err := parseSeeds(text); err == nil {
			t.Errorf("%q gives %v", text, seeds)
		}
	}
}

// TestBadRecordings shows that a recording that can't be played is refused in a line, when it is read.
func TestBadRecordings(t *testing.T) {
	for line, want := range map[string]string{
		`{`:                                 "script 0 of the recording: unexpected EOF",
		`{"seed":1,"initial":[["6","00"]]}`: `script with seed 1, key "6": `,
		`{"seed":1,"initial":[["61","x"]]}`: `script with seed 1, value "x": `,
		`{"seed":1,"steps":[{"t":4,"op":"begin"}]}`:                                             "script with seed 1, step 0, begin by 4: transaction 4, want 0 to 3",
		`{"seed":1,"steps":[{"t":0,"op":"get"}]}`:                                               "script with seed 1, step 0, get by 0: the transaction has not begun",
		`{"seed":1,"steps":[{"t":0,"op":"begin_at"}]}`:                                          "script with seed 1, step 0, begin_at by 0: of transaction 0, when 0 have committed",
		`{"seed":1,"steps":[{"t":0,"op":"begin"},{"t":0,"op":"set","k":"zz"}]}`:                 `script with seed 1, step 1, set by 0: "zz": `,
		`{"seed":1,"steps":[{"t":0,"op":"begin"},{"t":0,"op":"cancel"},{"t":0,"op":"commit"}]}`: "script with seed 1, step 2, commit by 0: the transaction has not begun",
	} {
		var zipped bytes.Buffer
		zip := gzip.NewWriter(&zipped)
		if _, err := io.WriteString(zip, line); err != nil {
			t.Fatal(err)
		}
		if err := zip.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := readScripts(&zipped); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	if _, err := readScripts(strings.NewReader("plain")); err == nil {
		t.Error("what is not compressed is read")
	}
}
