// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manDate is on every page. It is not the day of the generation, which would make them other pages every day.
const manDate = "2026-11-23"

// manLine is how long lines of running text are in the source of a page.
const manLine = 78

func manName(cmd *cobra.Command) string { return manTitle(cmd) + ".1" }

func manTitle(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage writes the page of a command, in the language of man(7).
func manPage(cmd *cobra.Command) string {
	cmd.InitDefaultHelpFlag()
	var m manWriter
	m.line(`.TH %s 1 %s Kelpie Kelpie`, strings.ToUpper(manTitle(cmd)), manDate)
	m.line(".SH NAME")
	m.fill(manTitle(cmd) + " - " + cmd.Short)
	m.line(".SH SYNOPSIS")
	m.line(`\fB%s\fP%s`, roff(cmd.CommandPath()), roff(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())))
	m.line(".SH DESCRIPTION")
	text := strings.TrimSpace(cmd.Long)
	if text == "" {
		text = cmd.Short + "."
	}
	m.text(text)
	if cmd.Example != "" {
		m.line(".SH EXAMPLES")
		m.literal(strings.Split(strings.TrimPrefix(strings.ReplaceAll(cmd.Example, "\n  ", "\n"), "  "), "\n"))
	}
	m.line(".SH OPTIONS")
	cmd.Flags().VisitAll(m.option)
	if !cmd.HasParent() {
		m.line(".SH EXIT STATUS")
		for _, e := range cli.ExitCodes() {
			m.line(".TP")
			m.line(`\fB%d\fP %s`, e.Code, roff(e.Name))
			m.fill(e.Meaning)
		}
	}
	m.seeAlso(cmd)
	return m.String()
}

// manWriter writes a page.
type manWriter struct{ strings.Builder }

func (m *manWriter) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

// text writes paragraphs. Lines that are indented stay as they are; others are joined.
func (m *manWriter) text(text string) {
	for i, paragraph := range strings.Split(text, "\n\n") {
		if i > 0 {
			m.line(".PP")
		}
		var running, indented []string
		flush := func() {
			m.fill(strings.Join(running, " "))
			m.literal(indented)
			running, indented = nil, nil
		}
		for line := range strings.SplitSeq(strings.Trim(paragraph, "\n"), "\n") {
			if rest, is := strings.CutPrefix(strings.Replace(line, "\t", "  ", 1), "  "); is {
				indented = append(indented, rest)
				continue
			}
			if len(indented) > 0 {
				flush()
			}
			running = append(running, line)
		}
		flush()
	}
}

// fill writes running text.
func (m *manWriter) fill(text string) {
	if text != "" {
		for line := range strings.SplitSeq(wrap(escapeRoff(text), manLine, "\n"), "\n") {
			m.line("%s", guardRoff(line))
		}
	}
}

// literal writes lines as they are.
func (m *manWriter) literal(lines []string) {
	if len(lines) == 0 {
		return
	}
	m.line(".RS 4")
	m.line(".EX")
	for _, line := range lines {
		m.line("%s", roff(line))
	}
	m.line(".EE")
	m.line(".RE")
}

// option writes a flag, with its value and its default as its help names them.
func (m *manWriter) option(f *pflag.Flag) {
	if f.Hidden {
		return
	}
	value, usage := pflag.UnquoteUsage(f)
	names := `\fB\-\-` + roff(f.Name) + `\fP`
	if f.Shorthand != "" {
		names = `\fB\-` + roff(f.Shorthand) + `\fP, ` + names
	}
	if value != "" {
		names += ` \fI` + roff(value) + `\fP`
	}
	m.line(".TP")
	m.line("%s", names)
	if given := f.DefValue; given != "" && given != "false" && given != "0" && given != "0s" && given != "[]" {
		usage += " (default " + strings.Trim(given, "[]") + ")"
	}
	m.fill(usage)
}

// seeAlso names the command above and those below.
func (m *manWriter) seeAlso(cmd *cobra.Command) {
	var others []string
	if cmd.HasParent() {
		others = append(others, manTitle(cmd.Parent()))
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			others = append(others, manTitle(c))
		}
	}
	m.line(".SH SEE ALSO")
	for i, other := range others {
		comma := " ,"
		if i == len(others)-1 {
			comma = ""
		}
		m.line(`.BR %s (1)%s`, roff(other), comma)
	}
}

var roffEscapes = strings.NewReplacer(`\`, `\e`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`, `-`, `\-`)

// roff writes a line of text so that it is shown as it is.
func roff(line string) string { return guardRoff(escapeRoff(line)) }

func escapeRoff(text string) string {
	var b strings.Builder
	for _, r := range roffEscapes.Replace(text) {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}

// guardRoff keeps a line that begins with a dot from being a request.
func guardRoff(line string) string {
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

// TestRoff shows that no text is taken for a request or an escape.
func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", ".TH": `\&.TH`, "'br": `\(aqbr`, `a\nb`: `a\enb`, "--yes": `\-\-yes`, "…": `\[u2026]`,
		"~/x": `\(ti/x`,
	} {
		if got := roff(text); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
}

// TestManText shows how help becomes paragraphs.
func TestManText(t *testing.T) {
	var m manWriter
	m.text("One\nparagraph:\n  as it\n    is\nand on.\n\nAnother.")
	want := "One paragraph:\n.RS 4\n.EX\nas it\n  is\n.EE\n.RE\nand on.\n.PP\nAnother.\n"
	if m.String() != want {
		t.Errorf("got %q, want %q", m.String(), want)
	}
}
