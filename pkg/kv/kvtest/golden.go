// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package kvtest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// recordingName is the file of a recording, in a directory of its own.
const recordingName = "transactions.jsonl.gz"

// The flags of the tests of every package whose store the suite is run on.
var (
	recordFlag = flag.String("kvtest.record", "", "Golden records what the store answers in `directory`/"+
		recordingName)
	replayFlag  = flag.String("kvtest.replay", "", "Golden compares the store with the recording in `directory`")
	compareFlag = flag.String("kvtest.compare", "", "TestCompare of package kvtest compares the recordings in two "+
		"`directories`, with a comma between")
	seedsFlag = flag.String("kvtest.seeds", "", "`seeds` of the scripts that Golden records, first-last (by default "+
		"1-800, and 1-20 where no file is written)")
)

// testGolden records the answers to scripts that are made up, and replays the recording. Flags have it do one
// of the two, so that stores can be compared, or FoundationDB with what it was.
func testGolden(w *world) {
	switch {
	case *recordFlag != "" && *replayFlag != "":
		w.Fatalf("-kvtest.record and -kvtest.replay: give one of the two")
	case *recordFlag != "":
		w.must(checkRecording(*recordFlag, false))
		w.must(writeRecording(*recordFlag, w.recordAll(w.seeds("1-800"))))
	case *replayFlag != "":
		w.must(checkRecording(*replayFlag, true))
		scripts, err := readRecording(*replayFlag)
		w.must(err)
		w.replayAll(scripts)
	default:
		var recording bytes.Buffer
		w.must(writeScripts(&recording, w.recordAll(w.seeds("1-20"))))
		scripts, err := readScripts(&recording)
		w.must(err)
		w.replayAll(scripts)
	}
}

func (w *world) seeds(byDefault string) []int {
	text := *seedsFlag
	if text == "" {
		text = byDefault
	}
	seeds, err := parseSeeds(text)
	w.must(err)
	return seeds
}

// parseSeeds reads first-last, or one seed.
func parseSeeds(text string) ([]int, error) {
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if err := errors.Join(err1, err2); err != nil || first > last {
		return nil, fmt.Errorf("-kvtest.seeds %q: want first-last, such as 1-800", text)
	}
	seeds := make([]int, 0, last-first+1)
	for seed := first; seed <= last; seed++ {
		seeds = append(seeds, seed)
	}
	return seeds, nil
}

// checkRecording checks the directory of a recording before anything is done for it.
func checkRecording(dir string, exists bool) error {
	file := filepath.Join(dir, recordingName)
	_, err := os.Stat(file)
	switch {
	case !filepath.IsAbs(dir):
		return fmt.Errorf("directory %q: want an absolute path, as each package's tests run in its own directory", dir)
	case err == nil && !exists:
		return fmt.Errorf(
			"%s exists: name another directory, and one store by -run, such as -run 'Conformance$/Golden'", file)
	case err != nil && (exists || !errors.Is(err, os.ErrNotExist)):
		return err
	}
	return nil
}

func readRecording(dir string) ([]script, error) {
	zipped, err := os.ReadFile(filepath.Join(dir, recordingName))
	if err != nil {
		return nil, err
	}
	scripts, err := readScripts(bytes.NewReader(zipped))
	if err == nil && len(scripts) == 0 {
		err = fmt.Errorf("the recording in %s holds no scripts", dir)
	}
	return scripts, err
}

func writeRecording(dir string, scripts []script) error {
	var zipped bytes.Buffer
	if err := writeScripts(&zipped, scripts); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, recordingName), zipped.Bytes(), 0o644)
}

// compareRecordings returns where two recordings differ: a line for every script, by its seed.
func compareRecordings(a, b []script) []string {
	second := map[int]script{}
	for _, s := range b {
		second[s.Seed] = s
	}
	var differences []string
	note := func(seed int, err error) {
		differences = append(differences, fmt.Sprintf("script with seed %d, %v", seed, err))
	}
	for _, s := range a {
		other, ok := second[s.Seed]
		delete(second, s.Seed)
		if !ok {
			note(s.Seed, errors.New("not in the second recording"))
		} else if err := compareScripts(s, other); err != nil {
			note(s.Seed, err)
		}
	}
	for _, s := range b {
		if _, left := second[s.Seed]; left {
			note(s.Seed, errors.New("not in the first recording"))
		}
	}
	return differences
}
