// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"regexp"
	"slices"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// The keys of a file of contexts.
const (
	keyCurrent  = "current"
	keyContexts = "contexts"
)

// Contexts is a file of contexts.
type Contexts struct {
	file  *file
	known Known
	// Current is the name of the current context, "" if there is none; CurrentWhere is FILE:LINE of that. A file that
	// was edited by hand may name one that it does not have.
	Current, CurrentWhere string
	// All are the contexts, in order of the file.
	All []Context
}

// Context is a cluster by name, with what commands that ask it go by.
type Context struct {
	Name     string
	Settings []Setting
}

// Known returns flags that contexts have settings for, as a copy of its own, and what checks their values together.
type Known func() (flags *pflag.FlagSet, check func() error)

// ReadContexts reads a file of contexts; one that does not exist holds none. Contexts have settings for the flags
// known, and their values are checked, those of contexts that are not current too: by setting those of a copy.
func ReadContexts(path string, known Known) (*Contexts, error) {
	f, err := read(path)
	if missing(err) {
		f, err = parse(path, nil)
	}
	if err != nil {
		return nil, readError(path, err)
	}
	return f.contexts(known)
}

func (f *file) contexts(known Known) (*Contexts, error) {
	c := &Contexts{file: f, known: known}
	entries, err := f.entries(f.root(), "the file")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch e.key {
		case keyCurrent:
			err = c.readCurrent(e)
		case keyContexts:
			err = c.readContexts(e, known)
		default:
			err = f.unknown(e, []string{keyCurrent, keyContexts})
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Contexts) readCurrent(e entry) error {
	if notText(e.value) {
		return c.file.errorAt(e.line, "%s: must be the name of a context, not %s", keyCurrent, kind(e.value))
	}
	c.Current, c.CurrentWhere = e.value.Value, c.file.where(e.line)
	return nil
}

func (c *Contexts) readContexts(e entry, known Known) error {
	contexts, err := c.file.entries(e.value, keyContexts)
	if err != nil {
		return err
	}
	for _, e := range contexts {
		if err := ValidateContextName(e.key); err != nil {
			return c.file.errorAt(e.line, "%v", err.Message)
		}
		entries, err := c.file.entries(e.value, "context "+e.key)
		if err != nil {
			return err
		}
		flags, check := known()
		settings, err := c.file.settings(entries, "context "+e.key, names(flags))
		if err != nil {
			return err
		}
		for i := range settings {
			if err := settings[i].Set(flags); err != nil {
				return err
			}
			if err := check(); err != nil { // the others were right before
				return settings[i].wrong(err)
			}
		}
		c.All = append(c.All, Context{e.key, settings})
	}
	return nil
}

var contextName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// ValidateContextName checks the name of a context. The error says what is wrong with it, without a place.
func ValidateContextName(name string) *api.Error {
	if contextName.MatchString(name) {
		return nil
	}
	return api.Errorf(api.CodeInvalidArgument, "context name %q: must be 1 to 63 letters, digits, '.', '_' and '-', "+
		"beginning with a letter or digit", name)
}

// CurrentSetting returns the name of the current context as the setting of a flag. It must not be called when there
// is none.
func (c *Contexts) CurrentSetting(flag string) Setting {
	return Setting{Flag: flag, Where: c.CurrentWhere, value: get(c.file.root(), keyCurrent)}
}

// Lookup returns the context of a name, nil if there is none.
func (c *Contexts) Lookup(name string) *Context {
	i := slices.IndexFunc(c.All, func(x Context) bool { return x.Name == name })
	if i < 0 {
		return nil
	}
	return &c.All[i]
}

// Add adds a context with those of the flags that were given. The name must be new. Settings of the
// file stay what they are, with the comments beside them, as with the other changes.
func (c *Contexts) Add(name string, flags *pflag.FlagSet) {
	settings := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	x := Context{Name: name}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			value := valueNode(f)
			put(settings, f.Name, value)
			x.Settings = append(x.Settings, Setting{Flag: f.Name, Of: "context " + name, value: value})
		}
	})
	contexts := get(c.file.root(), keyContexts)
	if contexts == nil || contexts.Kind != yaml.MappingNode {
		contexts = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		put(c.file.root(), keyContexts, contexts)
	}
	put(contexts, name, settings)
	c.All = append(c.All, x)
}

// Use makes a context the current one.
func (c *Contexts) Use(name string) {
	c.Current = name
	put(c.file.root(), keyCurrent, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name})
}

// Remove removes a context. If it was the current one, there is none then.
func (c *Contexts) Remove(name string) {
	if contexts := get(c.file.root(), keyContexts); contexts != nil {
		drop(contexts, name)
	}
	c.All = slices.DeleteFunc(c.All, func(x Context) bool { return x.Name == name })
	if c.Current == name {
		c.Current = ""
		drop(c.file.root(), keyCurrent)
	}
}

// Encode returns the file's content. What people have written around the contexts may be such that it can't be
// written again as it was: that is an error of CodeFailedPrecondition.
func (c *Contexts) Encode() ([]byte, error) {
	sayNull(&c.file.doc, false)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := errors.Join(enc.Encode(&c.file.doc), enc.Close())
	if err == nil {
		err = c.check(b.Bytes())
	}
	if err != nil {
		return nil, api.Errorf(api.CodeFailedPrecondition, "%s can't be edited without damaging its other "+
			"content; edit it by hand", c.file.path)
	}
	return b.Bytes(), nil
}

// check wants the content to be that of c.
func (c *Contexts) check(content []byte) error {
	f, err := parse(c.file.path, content)
	if err != nil {
		return err
	}
	read, err := f.contexts(c.known)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(c.All, read.All, func(a, b Context) bool {
		return a.Name == b.Name && slices.EqualFunc(a.Settings, b.Settings, sameSetting)
	})
	if read.Current != c.Current || !same {
		return errors.New("it is read as something else")
	}
	return nil
}

func sameSetting(a, b Setting) bool {
	one, err := a.Text()
	other, also := b.Text()
	return a.Flag == b.Flag && one == other && err == nil && also == nil
}

// sayNull writes out what is nothing within braces, which the encoder would take for empty text.
func sayNull(n *yaml.Node, braces bool) {
	braces = braces || n.Style&yaml.FlowStyle != 0
	if braces && n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == "" {
		n.Value = "null"
	}
	for _, child := range n.Content {
		sayNull(child, braces)
	}
}

// valueNode is a flag's value as YAML.
func valueNode(f *pflag.Flag) *yaml.Node {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, item := range list.GetSlice() {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: item})
		}
		return n
	}
	tag := map[string]string{"bool": "!!bool", "int": "!!int"}[f.Value.Type()]
	if tag == "" {
		tag = "!!str"
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: f.Value.String()}
}

func index(mapping *yaml.Node, key string) int {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}

func get(mapping *yaml.Node, key string) *yaml.Node {
	if i := index(mapping, key); i >= 0 {
		return resolved(mapping.Content[i+1])
	}
	return nil
}

func put(mapping *yaml.Node, key string, value *yaml.Node) {
	if mapping.Kind == yaml.MappingNode && len(mapping.Content) == 0 {
		mapping.Style = 0 // {} has no room
	}
	if i := index(mapping, key); i >= 0 {
		value.LineComment = mapping.Content[i+1].LineComment
		mapping.Content[i+1] = value
		return
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
}

func drop(mapping *yaml.Node, key string) {
	if i := index(mapping, key); i >= 0 {
		mapping.Content = slices.Delete(mapping.Content, i, i+2)
	}
}
