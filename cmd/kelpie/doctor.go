// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/config"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/host"
)

// doctorTimeout is how long an answer is waited for: a doctor asks many, and says of each that it was silent.
const doctorTimeout = 5 * time.Second

// The states of a finding.
const (
	stateOK      = "ok"
	stateWarning = "warning"
	stateProblem = "problem"
)

// finding is a row of "doctor": what one check has found.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"`
	Says   string `json:"finding"`
	Advice string `json:"advice"`
}

var findingListing = listing[finding]{
	name: func(f *finding) string { return f.Check },
	fields: []field[finding]{
		{key: "check", meaning: "what was checked", header: "CHECK", cell: func(f *finding) string {
			return f.Check
		}},
		{key: "state", meaning: "ok, warning or problem", header: "STATE", cell: func(f *finding) string {
			return f.State
		}},
		{key: "finding", meaning: "what was found", header: "FINDING", cell: func(f *finding) string { return f.Says }},
		{key: "advice", meaning: "what to do about it, empty if nothing", header: "WHAT TO DO",
			cell: func(f *finding) string { return dash(f.Advice) }},
	},
}

func healthy(check, format string, args ...any) finding {
	return finding{check, stateOK, fmt.Sprintf(format, args...), ""}
}

func warning(check, advice, format string, args ...any) finding {
	return finding{check, stateWarning, fmt.Sprintf(format, args...), advice}
}

func problem(check, advice, format string, args ...any) finding {
	return finding{check, stateProblem, fmt.Sprintf(format, args...), advice}
}

// failure is the problem that an error is.
func failure(check string, err error, advice string) finding {
	return problem(check, advice, "%s", cli.OneLine(cli.Message(err)))
}

// doctorFlags are the flags of the command doctor.
type doctorFlags struct {
	connection
	output
	chosen                       lenientContext
	store, listen, dataDir, file string
}

// lenientContext is --context of a command that runs also if the context can't be had.
type lenientContext struct {
	contextFlag
	failed error
}

// Settings implements cli.Source.
func (l *lenientContext) Settings(flags *pflag.FlagSet, getenv func(string) string) (settings []config.Setting,
	_ error) {
	settings, l.failed = l.contextFlag.Settings(flags, getenv)
	return settings, nil
}

func (f *doctorFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.addrFlag(flags)
	cli.Variable(flags, "addr", addrVariable)
	flags.Var(&f.chosen, "context", "the context of the configuration file to use (default the current one)")
	cli.Variable(flags, "context", contextVariable)
	flags.DurationVar(&f.timeout, "timeout", doctorTimeout, "how long to wait for each answer")
	cli.Variable(flags, "timeout", timeoutVariable)
	f.output.register(cmd)
	flags.StringVar(&f.store, "store", "", "URL of a store to open and read, in addition to asking nodes: "+
		"pebble:DIR, fdb:CLUSTERFILE or kelpie://HOST:PORT (default none)")
	flags.StringVar(&f.listen, "listen", "", "address on which a node on this machine would listen (default as "+
		"for \"node start\")")
	flags.StringVar(&f.dataDir, "data-dir", "", "its data directory (default as for \"node start\")")
	flags.StringVar(&f.file, "config", "", "its configuration file (default the one of $KELPIE_NODE_CONFIG)")
	must(cmd.MarkFlagFilename("config", "yaml", "yml"))
	must(cmd.MarkFlagDirname("data-dir"))
}

func (k *kelpie) doctor() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Diagnose this machine and the cluster",
		Long: `Check the configuration files, this machine (port, limits, data directory), and
the cluster: whether every node answers, versions, store, leases, clocks,
namespaces, alarms and messages that fail, dead letters, quarantined actors.
Each check prints what it found and, below that, what to do. The command changes
nothing. To measure the disk, it writes a small file into the data directory and
removes it. Without a cluster, it checks the rest.

A warning may become a problem, or is one if you did not intend it. If there is
a problem, the exit code is 9.

` + findingListing.help(),
		Example: "  kelpie doctor\n  kelpie doctor --context prod -o json\n  kelpie doctor --store " +
			"kelpie://127.0.0.1:7500 --data-dir /var/lib/kelpie",
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := f.open()
			if err != nil {
				return err
			}
			defer s.close()
			return k.diagnose(cmd.Context(), s, &f)
		},
	}
	f.register(cmd)
	return cmd
}

// doctorColumns is how wide the list of findings is where the width of the terminal is not known.
const doctorColumns = 80

// printFindings prints the findings as a list, each with its advice below it, or as the rows of another format.
func (k *kelpie) printFindings(f *doctorFlags, all []finding) error {
	if f.format == formatTable {
		_, err := io.WriteString(k.Stdout, findingList(all, k.columns(), k.style(&f.output)))
		return err
	}
	p := newPrinter(k.Stdout, f.format, k.style(&f.output), findingListing, false)
	if err := p.rows(all); err != nil {
		return err
	}
	return p.end()
}

// columns is the width of the terminal that stdout is, at least and else doctorColumns.
func (k *kelpie) columns() int {
	if f, ok := k.Stdout.(interface{ Fd() uintptr }); ok && k.isTerminal(k.Stdout) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return max(width, doctorColumns)
		}
	}
	return doctorColumns
}

// findingList writes the findings as a list of that width.
func findingList(all []finding, columns int, style style) string {
	width := 0
	for _, f := range all {
		width = max(width, utf8.RuneCountInString(f.Check))
	}
	const stateWidth = len(stateProblem)
	indent := stateWidth + len(columnGap) + width + len(columnGap)
	newline := "\n" + strings.Repeat(" ", indent)
	var b strings.Builder
	for _, f := range all {
		b.WriteString(style.cell("state", f.State) + strings.Repeat(" ", stateWidth-len(f.State)) + columnGap)
		b.WriteString(f.Check + strings.Repeat(" ", width-utf8.RuneCountInString(f.Check)) + columnGap)
		b.WriteString(wrap(cli.OneLine(f.Says), columns-indent, newline))
		if f.Advice != "" {
			b.WriteString(newline + wrap("-> "+cli.OneLine(f.Advice), columns-indent, newline+"   "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// diagnose makes the checks, one after the other, and prints what they find.
func (k *kelpie) diagnose(ctx context.Context, s *session, f *doctorFlags) error {
	all := k.examineFiles(f)
	all = append(all, k.examineMachine(ctx, s, f)...)
	all = append(all, examineCluster(ctx, s)...)
	if f.store != "" {
		all = append(all, examineStoreURL(ctx, s, f.store))
	}
	if err := k.printFindings(f, all); err != nil {
		return err
	}
	problems := 0
	for _, found := range all {
		if found.State == stateProblem {
			problems++
		}
	}
	if problems == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", cli.ErrProblem, human.Counted(problems, "problem"))
}

// examineFiles checks the file of contexts, and a node's configuration if one is named.
func (k *kelpie) examineFiles(f *doctorFlags) []finding {
	all := []finding{k.checkContexts(f.chosen.failed)}
	if f.file == "" && k.Getenv("KELPIE_NODE_CONFIG") == "" {
		return all
	}
	n, err := host.ReadNodeSettings(k.Process, map[string]string{"config": f.file})
	if err != nil {
		return append(all, failure("node configuration", err, "correct it; kelpie config show --node shows the "+
			"effective settings"))
	}
	return append(all, healthy("node configuration", "%s is understood", n.Flags.Lookup("config").Value))
}

// checkContexts tells of the file of contexts, which could not be followed if failed is not nil.
func (k *kelpie) checkContexts(failed error) finding {
	const check = "contexts"
	if failed != nil {
		return failure(check, failed, "correct the file, or choose another context with kelpie context use NAME")
	}
	if path, _ := configPath(k.Getenv); path == "" {
		return healthy(check, "there is no place for a configuration file, and none is needed")
	}
	c, path, err := readContexts(k.Getenv)
	switch {
	case err != nil:
		return failure(check, err, "correct the file")
	case len(c.All) == 0:
		return healthy(check, "%s has none; defaults, variables and flags apply", path)
	case c.Current == "":
		return healthy(check, "%s has %s, none of which is current", path, human.Counted(len(c.All), "context"))
	}
	return healthy(check, "%s has %s; %s is current", path, human.Counted(len(c.All), "context"), c.Current)
}
