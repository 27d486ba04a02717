// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
)

// format is the value of -o.
type format string

const (
	formatTable format = "table"
	formatWide  format = "wide"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
	formatName  format = "name"

	// formatJSONLines and formatYAMLStream are those of --watch, for what is printed again and again. -o does not
	// know them.
	formatJSONLines  format = "json lines"
	formatYAMLStream format = "yaml stream"
)

var formats = []format{formatTable, formatWide, formatJSON, formatYAML, formatName}

// String, Set and Type implement pflag.Value.
func (f *format) String() string { return string(*f) }

func (f *format) Set(s string) error {
	if !slices.Contains(formats, format(s)) {
		return errors.New("must be table, wide, json, yaml or name")
	}
	*f = format(s)
	return nil
}

func (*format) Type() string { return "format" }

// printer prints rows as they come.
type printer[R any] interface {
	// rows prints more rows; end says that these were all.
	rows(page []R) error
	end() error
}

// newPrinter returns the printer of a format. one says that there is one row, which is an answer
// of its own rather than a list.
func newPrinter[R any](w io.Writer, f format, style style, l listing[R], one bool) printer[R] {
	switch f {
	case formatJSON:
		return &jsonPrinter[R]{w: w, one: one}
	case formatJSONLines:
		return &jsonLinesPrinter[R]{w: w}
	case formatYAML:
		return &yamlPrinter[R]{w: w, one: one}
	case formatYAMLStream:
		return &yamlPrinter[R]{w: w, one: one, document: true}
	case formatName:
		return &namePrinter[R]{w: w, name: l.name}
	}
	if l.tall {
		return &tallPrinter[R]{w: w, style: style, columns: l.columns(true)}
	}
	return &tablePrinter[R]{w: w, style: style, cut: f != formatWide, columns: l.columns(f == formatWide)}
}

// jsonPrinter prints an array with a line for each row.
type jsonPrinter[R any] struct {
	w     io.Writer
	one   bool
	count int
}

func (p *jsonPrinter[R]) rows(page []R) error {
	var b bytes.Buffer
	for _, row := range page {
		switch {
		case p.one:
		case p.count == 0:
			b.WriteString("[\n")
		default:
			b.WriteString(",\n")
		}
		p.count++
		text, err := marshalJSON(row)
		if err != nil {
			return err
		}
		b.Write(text)
	}
	_, err := p.w.Write(b.Bytes())
	return err
}

func (p *jsonPrinter[R]) end() error {
	end := "\n]\n"
	switch {
	case p.one:
		end = "\n"
	case p.count == 0:
		end = "[]\n"
	}
	_, err := io.WriteString(p.w, end)
	return err
}

// jsonLinesPrinter prints each row as an object on a line of its own.
type jsonLinesPrinter[R any] struct{ w io.Writer }

func (p *jsonLinesPrinter[R]) rows(page []R) error {
	var b bytes.Buffer
	for _, row := range page {
		text, err := marshalJSON(row)
		if err != nil {
			return err
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	_, err := p.w.Write(b.Bytes())
	return err
}

func (p *jsonLinesPrinter[R]) end() error { return nil }

// marshalJSON is json.Marshal that leaves '<', '>' and '&' as they are, and escapes what a terminal would obey.
func marshalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(human.Escape(strings.TrimSuffix(b.String(), "\n"))), nil
}

// yamlPrinter prints what jsonPrinter does, in YAML.
type yamlPrinter[R any] struct {
	w     io.Writer
	one   bool
	count int
	// document says that the rows are a document of several, and that its beginning is to be marked.
	document bool
}

func (p *yamlPrinter[R]) rows(page []R) error {
	if len(page) == 0 {
		return nil
	}
	if err := p.begin(); err != nil {
		return err
	}
	p.count += len(page)
	var v any = page
	if p.one {
		v = page[0]
	}
	text, err := marshalJSON(v)
	if err != nil {
		return err
	}
	// JSON is YAML: read as such, it keeps its order and its numbers.
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	blockStyle(&doc)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return err
	}
	// What is escaped here is between double quotes: blockStyle leaves nothing else without.
	_, err = io.WriteString(p.w, human.Escape(b.String()))
	return err
}

func (p *yamlPrinter[R]) end() error {
	if p.count > 0 {
		return nil
	}
	if err := p.begin(); err != nil {
		return err
	}
	_, err := io.WriteString(p.w, "[]\n")
	return err
}

// begin marks the beginning of a document.
func (p *yamlPrinter[R]) begin() error {
	if !p.document {
		return nil
	}
	p.document = false
	_, err := io.WriteString(p.w, "---\n")
	return err
}

// plainText matches text that no reader of YAML takes for anything else, but for yamlWords.
var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.:/<>-]*$`)

// yamlWords are not text to some readers of YAML.
var yamlWords = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// blockStyle takes the braces and quotes of JSON away where YAML needs none.
func blockStyle(n *yaml.Node) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!str":
		if !plainText.MatchString(n.Value) || strings.HasSuffix(n.Value, ":") ||
			slices.Contains(yamlWords, strings.ToLower(n.Value)) {
			n.Style = yaml.DoubleQuotedStyle
			break
		}
		n.Style = 0
	case len(n.Content) > 0:
		n.Style = 0
	}
	for _, child := range n.Content {
		blockStyle(child)
	}
}

// namePrinter prints the name of each row on a line of its own.
type namePrinter[R any] struct {
	w    io.Writer
	name func(*R) string
}

func (p *namePrinter[R]) rows(page []R) error {
	var b strings.Builder
	for i := range page {
		b.WriteString(cli.OneLine(p.name(&page[i])) + "\n")
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

func (p *namePrinter[R]) end() error { return nil }
