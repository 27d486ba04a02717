// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// explainPatience bounds what is asked of a cluster that may not answer.
	explainPatience = 30 * time.Second
	// linesMax is how many lines of a server's output, and how many of its severe events, are shown.
	linesMax = 20
	// fieldBytesMax is how much of a line is shown.
	fieldBytesMax = 2000
)

// severe are the marks of events, in the servers' trace files, that are warnings and errors.
var severe = []string{`Severity="30"`, `Severity="40"`}

// telling are the parts of a cluster's status that say why it does not do what it should.
var telling = []string{
	"configuration", "data", "database_available", "database_lock_state", "degraded_processes", "fault_tolerance",
	"latency_probe", "messages", "qos", "recovery_state",
}

// process is what is shown of a process in a cluster's status.
type process struct {
	Address  json.RawMessage `json:"address"`
	Degraded json.RawMessage `json:"degraded,omitempty"`
	Version  json.RawMessage `json:"version,omitempty"`
	Uptime   json.RawMessage `json:"uptime_seconds,omitempty"`
	CPU      json.RawMessage `json:"cpu,omitempty"`
	Disk     json.RawMessage `json:"disk,omitempty"`
	Memory   json.RawMessage `json:"memory,omitempty"`
	Messages json.RawMessage `json:"messages,omitempty"`
	Roles    []struct {
		Role json.RawMessage `json:"role"`
	} `json:"roles,omitempty"`
}

// explain writes what the cluster and its servers say of themselves, so that a failure can be understood where only
// the output is at hand.
func (c *cluster) explain(w io.Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), explainPatience)
	defer cancel()
	for _, command := range []string{"status details", "status json"} {
		out, err := c.ask(ctx, command)
		fmt.Fprintf(w, "-- fdbcli --exec %q (%v):\n", command, err)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if summary := summarize(out); summary != nil {
			lines = summary
		}
		show(w, lines)
	}
	for _, s := range c.servers {
		fmt.Fprintf(w, "-- %s at %s said:\n", s.name, s.address)
		show(w, tail(s.output(), nil))
		// An error is no reason to say nothing of the others: there are no files, then.
		traces, _ := filepath.Glob(filepath.Join(s.logDir(), "*.xml"))
		slices.Sort(traces)
		for _, trace := range traces {
			fmt.Fprintf(w, "-- %s, warnings and errors in %s:\n", s.name, filepath.Base(trace))
			show(w, tail(trace, severe))
		}
	}
}

// show writes lines, long ones cut.
func show(w io.Writer, lines []string) {
	for _, line := range lines {
		if len(line) > fieldBytesMax {
			line = line[:fieldBytesMax] + " ..."
		}
		fmt.Fprintln(w, "   ", line)
	}
}

// tail returns the last lines of a file that hold one of several marks, or of all lines if there are none, and why it
// can't be read.
func tail(file string, marks []string) []string {
	written, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for line := range strings.Lines(string(written)) {
		line = strings.TrimRight(line, "\n")
		if len(marks) == 0 ||
			slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(line, mark) }) {
			found = append(found, line)
		}
	}
	return found[max(0, len(found)-linesMax):]
}

// summarize returns what tells most of the status that fdbcli prints as JSON, a line each, or nil if it is none.
func summarize(out string) []string {
	var status struct {
		Client  json.RawMessage            `json:"client"`
		Cluster map[string]json.RawMessage `json:"cluster"`
	}
	begin := strings.Index(out, "{")
	if begin < 0 || json.NewDecoder(strings.NewReader(out[begin:])).Decode(&status) != nil {
		return nil
	}
	lines := []string{"client: " + compact(status.Client)}
	for _, name := range telling {
		if part, ok := status.Cluster[name]; ok {
			lines = append(lines, name+": "+compact(part))
		}
	}
	var processes map[string]process
	if json.Unmarshal(status.Cluster["processes"], &processes) != nil {
		return append(lines, "processes: "+compact(status.Cluster["processes"]))
	}
	for _, id := range slices.Sorted(maps.Keys(processes)) {
		line, err := json.Marshal(processes[id])
		if err != nil {
			line = []byte(err.Error())
		}
		lines = append(lines, "process: "+string(line))
	}
	return lines
}

// compact is JSON in one line; what is none stays as it is.
func compact(part json.RawMessage) string {
	var line bytes.Buffer
	if json.Compact(&line, part) != nil {
		return string(part)
	}
	return line.String()
}
