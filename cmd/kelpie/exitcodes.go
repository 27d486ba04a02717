// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/spf13/cobra"
)

// meaningColumn is where the meanings of exit codes begin, wrapColumn where they are wrapped.
const (
	meaningColumn = 25
	wrapColumn    = 100
)

// exitCodesTopic is a topic of help, not a command.
func exitCodesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("The exit code of every command says how it ended. An error is a line on stderr that says what\n" +
		"happened, often followed by one that says what to do about it.\n")
	for _, e := range cli.ExitCodes() {
		fmt.Fprintf(&b, "\n%5d  %-*s", e.Code, meaningColumn-7, e.Name)
		b.WriteString(wrap(e.Meaning, wrapColumn-meaningColumn, "\n"+strings.Repeat(" ", meaningColumn)))
	}
	return &cobra.Command{Use: "exit-codes", Short: "Exit codes of every command", Long: b.String()}
}

// wrap breaks text into lines of up to width bytes.
func wrap(text string, width int, newline string) string {
	var b strings.Builder
	length := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case length == 0:
		case length+1+len(word) > width:
			b.WriteString(newline)
			length = 0
		default:
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += len(word)
	}
	return b.String()
}
