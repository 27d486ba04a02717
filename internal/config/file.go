// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// file is a YAML file that is one mapping.
type file struct {
	path string
	doc  yaml.Node
}

// read reads a file; errors of the system are returned as they are.
func read(path string) (*file, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, content)
}

func parse(path string, content []byte) (*file, error) {
	f := &file{path: path}
	if err := yaml.Unmarshal(content, &f.doc); err != nil {
		return nil, f.syntaxError(err)
	}
	if f.doc.Kind == 0 { // nothing but comments
		f.doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}}
	}
	if root := f.root(); root.Tag == "!!null" {
		*root = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	}
	return f, nil
}

func (f *file) root() *yaml.Node { return f.doc.Content[0] }

// yamlLine matches where the parser says a mistake is.
var yamlLine = regexp.MustCompile(`^line ([0-9]+): `)

// syntaxError says on one line what is no YAML.
func (f *file) syntaxError(err error) error {
	said, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := yamlLine.FindStringSubmatch(said); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			said, line = said[len(m[0]):], n
		}
	}
	return f.errorAt(line, "not YAML: %s", said)
}

func (f *file) where(line int) string { return fmt.Sprintf("%s:%d", f.path, max(line, 1)) }

func (f *file) errorAt(line int, format string, args ...any) error {
	return api.Errorf(api.CodeInvalidArgument, "%s: %s", f.where(line), fmt.Sprintf(format, args...))
}

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	line  int
	value *yaml.Node
}

// entries returns what the mapping n, called what, holds, in order. A key that is there twice is an error.
func (f *file) entries(n *yaml.Node, what string) ([]entry, error) {
	n = resolved(n)
	if n.Tag == "!!null" {
		return nil, nil
	}
	if n.Kind != yaml.MappingNode {
		return nil, f.errorAt(n.Line, "%s must be keys with values, as in KEY: VALUE, not %s", what, kind(n))
	}
	seen := make(map[string]int)
	var all []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, f.errorAt(key.Line, "a key must be a name, not %s", kind(key))
		}
		if first := seen[key.Value]; first > 0 {
			return nil, f.errorAt(key.Line, "%s: already set in line %d", key.Value, first)
		}
		seen[key.Value] = key.Line
		all = append(all, entry{key.Value, key.Line, resolved(n.Content[i+1])})
	}
	return all, nil
}

// resolved follows an alias.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// kind is what a person calls a value.
func kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys with values"
	case n.Tag == "!!null":
		return "nothing"
	}
	return strconv.Quote(n.Value)
}

// unknown is the error of a key that none of known is.
func (f *file) unknown(e entry, known []string) error {
	return f.errorAt(e.line, "unknown key %q: must be one of %s", e.key, strings.Join(known, ", "))
}

// missing reports whether err says that there is no file.
func missing(err error) bool { return errors.Is(err, os.ErrNotExist) }
