// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
	"github.com/kelpiehq/kelpie/pkg/sim"
	"github.com/kelpiehq/kelpie/pkg/sim/campaign"
)

// simulated runs "sim" with runs that take a few milliseconds each.
func simulated(args ...string) result { return terminal{}.sim(args...) }

func (term terminal) sim(args ...string) result {
	small := []string{"sim", "--profile", "smoke", "--calls", "8", "--duration", "2s", "--no-color"}
	return term.run(append(small, args...)...)
}

// simRows decodes what sim -o json printed: an object on each line.
func simRows(t *testing.T, r result) []simRow {
	t.Helper()
	var all []simRow
	for line := range strings.Lines(r.stdout) {
		var row simRow
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, row)
	}
	return all
}

// words splits a command as a shell does, as far as sim needs it.
func words(command string) []string {
	var out []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// TestSimListings shows that the rows of sim are documented, as those of other commands are.
func TestSimListings(t *testing.T) {
	check(t, simListing)
	check(t, simItemListing)
}

// notWithRace leaves a test out that is nearly all simulation, where only the real world is wanted.
func notWithRace(t *testing.T) {
	t.Helper()
	if envtest.RealOnly() {
		t.Skipf("%s=real: simulations are left out", envtest.WorldVar)
	}
}

// TestSimSingle shows that a single run tells all that was drawn, as flags that give the same run.
func TestSimSingle(t *testing.T) {
	notWithRace(t)
	first := simulated("--seed", "7")
	first.wants(t, cli.ExitOK, "seed 7: every promise held\n", " answered, ", "simulated in",
		"choices  --seed 7 --profile smoke --nodes 3 --clients 3 --calls 8 --duration 2s")
	row := simRows(t, simulated("--seed", "7", "-o", "json"))[0]
	if !strings.Contains(first.stdout, row.TraceHash) || len(row.TraceHash) != 16 || row.Steps == 0 ||
		row.CallsOK == 0 || row.SimSeconds == 0 || row.WallSeconds == 0 {
		t.Errorf("%+v, other than\n%s", row, first.stdout)
	}
	for _, flags := range []string{row.Choices, strings.TrimPrefix(row.Command, "kelpie sim ")} {
		again := simRows(t, terminal{}.run(append([]string{"sim", "-o", "json"}, words(flags)...)...))[0]
		if again.TraceHash != row.TraceHash || again.Choices != row.Choices {
			t.Errorf("%s: %+v, not %+v", flags, again, row)
		}
	}
}

// TestSimDrawnSeed shows that without a seed, one is drawn and told.
func TestSimDrawnSeed(t *testing.T) {
	row := simRows(t, simulated("-o", "json"))[0]
	if row.Seed == 0 || !strings.Contains(row.Command, "--seed "+count(row.Seed)) {
		t.Errorf("%+v", row)
	}
}

// TestSimMany shows that of many seeds that hold only a summary is told, and by JSON each, in order.
func TestSimMany(t *testing.T) {
	notWithRace(t)
	r := simulated("--seeds", "3", "--start", "5", "--jobs", "2")
	r.wants(t, cli.ExitOK, "3 seeds from 5 on: every promise held\n", " answered, ", "faults ", "simulated in")
	if strings.Contains(r.stdout, "seed 5:") || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	r = simulated("--seeds", "3", "--start", "5", "--check-determinism", "-o", "json")
	rows := simRows(t, r)
	if len(rows) != 3 || rows[0].Seed != 5 || rows[2].Seed != 7 || rows[0].TraceHash == rows[1].TraceHash ||
		!strings.Contains(r.stdout, `"violations":[]`) {
		t.Errorf("%s", r.stdout)
	}
	r = simulated("--seeds", "2", "--faults", "none", "-o", "yaml")
	r.wants(t, cli.ExitOK, "---\nseed: 1\n", "---\nseed: 2\n", "faults: {}\n", "violations: []\n")
	r = simulated("--for", "1ms", "--jobs", "1")
	r.wants(t, cli.ExitOK, "from 1 on: every promise held")
}

// TestSimViolation tests the output for seeds that break a promise: what is broken, and the command that
// breaks it again.
func TestSimViolation(t *testing.T) {
	notWithRace(t)
	for _, args := range [][]string{{"--seed", "1"}, {"--seeds", "1"}} {
		r := simulated(append(args, "--bug", "early-reply")...)
		if r.code != cli.ExitFailure || !namesChecker(r.stdout) || strings.Count(r.stderr, "\n") != 2 ||
			!strings.HasPrefix(r.stderr, "error: ") {
			t.Fatalf("%+v", r)
		}
		at := strings.Index(r.stdout, "  kelpie sim ")
		if at < 0 {
			t.Fatalf("no command in\n%s", r.stdout)
		}
		command, _, _ := strings.Cut(r.stdout[at:], "\n")
		again := terminal{}.run(words(command)[1:]...)
		if again.code != cli.ExitFailure || !strings.Contains(again.stdout, command+"\n") {
			t.Errorf("%s: %+v", command, again)
		}
	}
	r := simulated("--seeds", "3", "--bug", "early-reply", "-o", "json")
	rows := simRows(t, r)
	var failed []string
	for _, row := range rows {
		if len(row.Violations) > 0 {
			failed = append(failed, count(row.Seed))
		}
	}
	if v := rows[0].Violations; len(v) == 0 || v[0].Checker == "" || v[0].AtSeconds == 0 || v[0].What == "" {
		t.Errorf("%s", r.stdout)
	}
	r = simulated("--seeds", "3", "--bug", "early-reply", "-o", "name")
	if r.code != cli.ExitFailure || r.stdout != strings.Join(failed, "\n")+"\n" {
		t.Errorf("%q, not %q", r.stdout, failed)
	}
}

// namesChecker reports whether a text tells of something that a checker found.
func namesChecker(text string) bool {
	return slices.ContainsFunc(sim.Checkers, func(c sim.Entry) bool { return strings.Contains(text, " "+c.Name+": ") })
}

// TestSimTimeline shows that a timeline is printed of a single run, and of many of those that break a promise.
func TestSimTimeline(t *testing.T) {
	notWithRace(t)
	r := simulated("--seed", "1", "--timeline")
	if line, _, _ := strings.Cut(r.stdout, "\n"); r.code != cli.ExitOK ||
		!strings.HasPrefix(strings.TrimSpace(line), "0.000000s  n") {
		t.Errorf("%+v", r)
	}
	if row := simRows(t, simulated("--seed", "1", "--timeline", "-o", "json"))[0]; len(row.Timeline) < 10 ||
		!strings.Contains(r.stdout, row.Timeline[9]) {
		t.Errorf("%q", row.Timeline)
	}
	if r = simulated("--seeds", "1", "--timeline"); strings.Contains(r.stdout, "0.000000s") {
		t.Errorf("%+v", r)
	}
	if r = simulated("--seeds", "1", "--timeline", "--bug", "early-reply"); !strings.Contains(r.stdout, "0.000000s") ||
		!strings.Contains(r.stdout, " violation ") {
		t.Errorf("%+v", r)
	}
}

// TestSimShrink shows that the first run that breaks a promise is made smaller, and that its flags still break it.
func TestSimShrink(t *testing.T) {
	notWithRace(t)
	r := simulated("--seeds", "2", "--start", "2", "--bug", "early-reply", "--workloads", "cold", "--faults", "none",
		"--shrink", "-o", "json")
	rows := simRows(t, r)
	last := rows[len(rows)-1]
	if r.code != cli.ExitFailure || len(rows) != 3 || !last.Shrunk || last.Seed != rows[0].Seed ||
		last.CallsOK >= rows[0].CallsOK || len(last.Violations) == 0 {
		t.Fatalf("%s", r.stdout)
	}
	again := terminal{}.run(append(words(last.Command)[1:], "--shrink")...)
	if again.code != cli.ExitFailure || !strings.Contains(again.stdout, "seed 2, the smallest run found: ") {
		t.Errorf("%s: %+v", last.Command, again)
	}
	simulated("--seed", "1", "--shrink").wants(t, cli.ExitOK, "every promise held")
}

// TestSimPage shows which run a page shows: a single one, of many the first that breaks a promise, or what that
// shrinks to.
func TestSimPage(t *testing.T) {
	notWithRace(t)
	dir := t.TempDir()
	for i, c := range []struct {
		args []string
		code int
		says string // "" if there is nothing to show
	}{
		{[]string{"--seed", "2"}, cli.ExitOK, "kelpie sim --seed 2"},
		{[]string{"--seeds", "2", "--start", "5"}, cli.ExitOK, ""},
		{[]string{"--seeds", "2", "--bug", "early-reply"}, cli.ExitFailure, "kelpie sim --seed 1"},
		{[]string{"--seed", "1", "--bug", "early-reply", "--workloads", "cold", "--shrink"}, cli.ExitFailure,
			"--clients 1 "},
	} {
		name := filepath.Join(dir, count(uint64(i))+".html")
		r := simulated(append(c.args, "--html", name)...)
		page, err := os.ReadFile(name)
		if r.code != c.code || !strings.Contains(r.stderr, name) || (err == nil) != (c.says != "") ||
			!strings.Contains(string(page), c.says) {
			t.Errorf("%v: %+v, %v, a page of %d bytes", c.args, r, err, len(page))
		}
	}
}

// TestSimPlan shows that a plan is text or a file, and that an empty one is one.
func TestSimPlan(t *testing.T) {
	name := filepath.Join(t.TempDir(), "plan")
	if err := os.WriteFile(name, []byte("1s crash n1 0s # first\n1.5s cut n2 200ms\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const text = "1s crash n1 0s; 1.5s cut n2 200ms"
	inline := simRows(t, simulated("--seed", "1", "--faults", "none", "--plan", text, "-o", "json"))[0]
	file := simRows(t, simulated("--seed", "1", "--faults", "none", "--plan", "@"+name, "-o", "json"))[0]
	if file.TraceHash != inline.TraceHash || !strings.Contains(file.Command, "--plan '"+text+"'") ||
		file.Faults["crash"] != 1 || file.Faults["cut"] != 1 {
		t.Errorf("%+v\n%+v", inline, file)
	}
	if none := simRows(t, simulated("--seed", "1", "--faults", "crash", "--plan", "", "-o", "json"))[0]; len(
		none.Faults) != 0 {
		t.Errorf("%+v", none)
	}
}

// TestSimVariable shows that the variable names a seed, and gives way to flags that ask for many.
func TestSimVariable(t *testing.T) {
	term := terminal{env: map[string]string{"KELPIE_SIM_SEED": "12"}}
	term.sim().wants(t, cli.ExitOK, "seed 12: ")
	term.sim("--seed", "13").wants(t, cli.ExitOK, "seed 13: ")
	term.sim("--seeds", "1").wants(t, cli.ExitOK, "1 seed from 1 on: ")
	terminal{env: map[string]string{"KELPIE_SIM_SEED": "x"}}.sim().wants(t, cli.ExitUsage, "KELPIE_SIM_SEED")
}

// TestSimInterrupt shows that an interrupt ends many runs with a summary of those that were made, and is no success:
// not all that was asked for has been shown.
func TestSimInterrupt(t *testing.T) {
	var stdout, stderr strings.Builder
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	p := cli.Process{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" },
		Signals: func() (<-chan os.Signal, func()) { return signals, func() {} },
	}
	if code := run(p, []string{"sim", "--seeds", "1000000000", "--profile", "smoke"}); code != cli.ExitInterrupted ||
		!strings.Contains(stdout.String(), " of 1000000000 seeds from 1 on: every promise held") {
		t.Errorf("exit code %d, %s%s", code, stdout.String(), stderr.String())
	}
}

// TestSimNobodyReads shows that many runs end when nobody reads what comes of them.
func TestSimNobodyReads(t *testing.T) {
	p := cli.Process{
		Stdin: strings.NewReader(""), Stdout: brokenPipe{}, Stderr: io.Discard, Getenv: func(string) string {
			return ""
		},
		Signals: func() (<-chan os.Signal, func()) { return nil, func() {} },
	}
	if code := run(
		p, []string{"sim", "--seeds", "1000000000", "--profile", "smoke", "-o", "json"}); code != cli.ExitBrokenPipe {
		t.Errorf("exit code %d", code)
	}
}

// TestSimUsage shows what is refused before anything is run.
func TestSimUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"seven"}, `unknown command "seven" for "kelpie sim"`},
		{[]string{"--seed", "1", "--seeds", "2"}, "--seed is for a single run"},
		{[]string{"--seed", "1", "--for", "2s"}, "--seed is for a single run"},
		{[]string{"--start", "2"}, "--start is the first of many"},
		{[]string{"--seed", "-1"}, "--seed"},
		{[]string{"--seeds", "0"}, "--seeds 0: must be at least 1"},
		{[]string{"--jobs", "0"}, "--jobs 0"},
		{[]string{"--nodes", "0"}, "--nodes 0"},
		{[]string{"--nodes", "1001"}, "--nodes 1001"},
		{[]string{"--for", "0s"}, "--for 0s"},
		{[]string{"--for", "soon"}, "--for"},
		{[]string{"--duration", "-1s"}, "--duration -1s"},
		{[]string{"--seeds", "2", "--start", "18446744073709551615"}, "there are no 2 seeds"},
		{[]string{"--profile", "mild"}, "mild"},
		{[]string{"--bug", "none"}, "kelpie sim ls"},
		{[]string{"--faults", "fire"}, "kelpie sim ls"},
		{[]string{"--faults", "crash,"}, "commas"},
		{[]string{"--workloads", "work"}, "kelpie sim ls"},
		{[]string{"--plan", "soon"}, "an event is a time, a fault"},
		{[]string{"--plan", "1s flood"}, "flood"},
		{[]string{"--plan", "@/nowhere/plan"}, "no such file"},
		{[]string{"--html", ""}, "--html: the name of a file is missing"},
		{[]string{"--html", "/"}, "that is a directory"},
		{[]string{"--html", "/nowhere/page.html"}, "no such file"},
		{[]string{"-o", "xml"}, "must be table"},
		{[]string{"ls", "x"}, "unexpected argument"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			terminal{}.run(append([]string{"sim"}, c.args...)...).wants(t, cli.ExitUsage, c.says)
		})
	}
}

// TestSimList shows that all there is to name is listed.
func TestSimList(t *testing.T) {
	got := rows[sim.Item](t, terminal{}.run("sim", "ls", "-o", "json"))
	if !slices.Equal(got, campaign.Catalog()) {
		t.Errorf("%+v", got)
	}
	terminal{}.run("sim", "ls").wants(t, cli.ExitOK, "KIND", "fault ", "workload ", "checker ", "determinism ",
		"profile ", "early-reply")
	terminal{}.run("sim", "ls", "-o", "name").wants(t, cli.ExitOK, "\ncrash-commit\n")
}
