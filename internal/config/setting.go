// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// Setting is the value that a file gives to a flag.
type Setting struct {
	// Flag is the flag's long name, without dashes.
	Flag string
	// Where is FILE:LINE. Of says what of the file it belongs to, such as "context prod"; it may be empty.
	Where, Of string
	value     *yaml.Node
}

// ReadSettings reads a file whose keys are names of the flags, but for those that are excepted. A file that
// can't be read is an error as well.
func ReadSettings(path string, flags *pflag.FlagSet, except ...string) ([]Setting, error) {
	f, err := read(path)
	if err != nil {
		return nil, readError(path, err)
	}
	entries, err := f.entries(f.root(), "the file")
	if err != nil {
		return nil, err
	}
	return f.settings(entries, "", names(flags, except...))
}

// readError is err, if it is one of the file's content already, or says why it could not be read.
func readError(path string, err error) error {
	if _, ok := err.(*api.Error); ok {
		return err
	}
	return api.Errorf(api.CodeInvalidArgument, "can't read the configuration: %w", err)
}

// names returns the names of the flags, in order.
func names(flags *pflag.FlagSet, except ...string) []string {
	var all []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(except, f.Name) {
			all = append(all, f.Name)
		}
	})
	return all
}

// settings makes settings of entries whose keys must be among known.
func (f *file) settings(entries []entry, of string, known []string) ([]Setting, error) {
	var all []Setting
	for _, e := range entries {
		if !slices.Contains(known, e.key) {
			return nil, f.unknown(e, known)
		}
		all = append(all, Setting{Flag: e.key, Where: f.where(e.line), Of: of, value: e.value})
	}
	return all, nil
}

// expected says what the value of a flag of that type must be; a type that is not here takes text.
var expected = map[string]string{
	"bool":        "true or false",
	"int":         "a whole number",
	"duration":    "a duration with its unit, such as 10s or 2m",
	"stringSlice": "a list",
}

// Check returns an error if the value is none for a flag of f's type.
func (s *Setting) Check(f *pflag.Flag) error {
	want := expected[f.Value.Type()]
	if want == "" {
		want = "text"
	}
	tag, ok := s.value.Tag, s.value.Kind == yaml.ScalarNode
	switch f.Value.Type() {
	case "bool":
		ok = tag == "!!bool"
	case "int":
		ok = tag == "!!int"
	case "stringSlice":
		ok = tag == "!!str" || s.value.Kind == yaml.SequenceNode && !slices.ContainsFunc(s.value.Content, notText)
	default:
		ok = ok && !notText(s.value)
	}
	if ok {
		return nil
	}
	if s.value.Kind == yaml.SequenceNode && want == "a list" {
		return api.Errorf(api.CodeInvalidArgument, "%s: %s: must be a list of text", s.Where, s.Flag)
	}
	return api.Errorf(api.CodeInvalidArgument, "%s: %s: must be %s, not %s", s.Where, s.Flag, want, kind(s.value))
}

// notText reports whether n is neither text nor a number, which is text to who reads it as such.
func notText(n *yaml.Node) bool {
	n = resolved(n)
	return n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Tag == "!!bool"
}

// Text returns the value as the command line would have it.
func (s *Setting) Text() (string, error) {
	if s.value.Kind != yaml.SequenceNode {
		return s.value.Value, nil
	}
	if len(s.value.Content) == 0 {
		return "", nil
	}
	var items []string
	for _, n := range s.value.Content {
		items = append(items, resolved(n).Value)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(items); err != nil {
		return "", err
	}
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n"), w.Error()
}

// wrong is what a check objects to in the setting.
func (s *Setting) wrong(err error) error {
	said := err.Error()
	if e, ok := errors.AsType[*api.Error](err); ok {
		said = e.Message
	}
	where := s.Where
	if s.Of != "" {
		where += " (" + s.Of + ")"
	}
	said = strings.TrimLeft(strings.TrimPrefix(said, "--"+s.Flag), ": ")
	return api.Errorf(api.CodeInvalidArgument, "%s: %s: %s", where, s.Flag, said)
}

// Set gives the value to the flag of that name, whatever it had before. Flags that are not there are left alone.
func (s *Setting) Set(flags *pflag.FlagSet) error {
	f := flags.Lookup(s.Flag)
	if f == nil {
		return nil
	}
	if err := s.Check(f); err != nil {
		return err
	}
	text, err := s.Text()
	if err == nil {
		err = flags.Set(f.Name, text)
	}
	if err == nil {
		return nil
	}
	if want := expected[f.Value.Type()]; want != "" {
		return api.Errorf(api.CodeInvalidArgument, "%s: %s: must be %s, not %s", s.Where, s.Flag, want, kind(s.value))
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		err = invalid.Unwrap()
	}
	return api.Errorf(api.CodeInvalidArgument, "%s: %s: %v", s.Where, s.Flag, err)
}
