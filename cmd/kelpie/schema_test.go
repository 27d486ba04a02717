// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaFile describes the JSON of every command, in JSON Schema. It is generated from the listings.
const schemaFile = "docs/schema.json"

// shape is what -o json prints: rows of one kind, alone, in an array, or each on a line.
type shape struct {
	row  map[string]any
	form string
}

const (
	oneRow = "row"
	inList = "list"
	aLine  = "lines"
)

func oneOf[R any](l listing[R]) *shape   { return &shape{rowSchema(l), oneRow} }
func listOf[R any](l listing[R]) *shape  { return &shape{rowSchema(l), inList} }
func linesOf[R any](l listing[R]) *shape { return &shape{rowSchema(l), aLine} }

// rowSchema describes the JSON of a row by its type, with the meanings of the listing.
func rowSchema[R any](l listing[R]) map[string]any {
	schema := typeSchema(reflect.TypeFor[R]())
	for _, f := range l.fields {
		schema["properties"].(map[string]any)[f.key].(map[string]any)["description"] = f.meaning
	}
	return schema
}

func typeSchema(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": typeSchema(t.Elem())}
	case reflect.Pointer:
		return map[string]any{"anyOf": []any{typeSchema(t.Elem()), map[string]any{"type": "null"}}}
	case reflect.Slice:
		if t == reflect.TypeFor[json.RawMessage]() {
			return map[string]any{} // any
		}
		return map[string]any{"type": "array", "items": typeSchema(t.Elem())}
	case reflect.Struct:
		return structSchema(t)
	}
	panic("no schema for " + t.String())
}

func structSchema(t reflect.Type) map[string]any {
	properties := make(map[string]any)
	required := []any{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		properties[key] = typeSchema(f.Type)
		if !strings.Contains(options, "omitempty") {
			required = append(required, key)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}
}

// document is the schema of what the whole command prints.
func (s *shape) document() map[string]any {
	if s.form != inList {
		return s.row
	}
	return map[string]any{"type": "array", "items": s.row}
}

// strict returns a schema that allows no properties but those it names.
func strict(schema any) any {
	switch v := schema.(type) {
	case map[string]any:
		out := make(map[string]any, len(v)+1)
		for key, value := range v {
			out[key] = strict(value)
		}
		if _, isObject := v["properties"].(map[string]any); isObject {
			out["additionalProperties"] = false
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = strict(v[i])
		}
		return out
	}
	return schema
}

// validate checks a JSON text against a schema.
func validate(schema map[string]any, text string) error {
	compiler := jsonschema.NewCompiler()
	// What a schema file has been through: numbers and slices are those of JSON.
	plain, err := jsonschema.UnmarshalJSON(strings.NewReader(string(mustJSON(strict(schema)))))
	if err != nil {
		return err
	}
	if err := compiler.AddResource("row.json", plain); err != nil {
		return err
	}
	compiled, err := compiler.Compile("row.json")
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("not one JSON value: %w", err)
	}
	return compiled.Validate(value)
}

// accepts checks what -o json has printed.
func (s *shape) accepts(text string) error {
	if s.form != aLine {
		return validate(s.document(), text)
	}
	return s.acceptsLines(text)
}

// acceptsLines checks rows on lines of their own.
func (s *shape) acceptsLines(text string) error {
	if text != "" && !strings.HasSuffix(text, "\n") {
		return fmt.Errorf("the last line does not end")
	}
	for line := range strings.Lines(text) {
		if err := validate(s.row, line); err != nil {
			return err
		}
	}
	return nil
}

func mustJSON(v any) []byte {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(text, '\n')
}

// schemaDocument is the content of schemaFile.
func schemaDocument() string {
	defs := make(map[string]any)
	for path, c := range commandCases {
		if c.shape != nil {
			defs[strings.TrimPrefix(path, "kelpie ")] = c.shape.document()
		}
	}
	return string(mustJSON(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "What commands of kelpie print with -o json",
		"$comment": "Generated by go generate ./cmd/kelpie; change the commands instead. Properties are only ever " +
			"added. With --watch, rows come each on a line of its own, as they do from sim.",
		"$defs": defs,
	}))
}

// TestSchemaOnlyGrows shows that no command and no key of its JSON that is in the repository's schema goes, or
// changes its type. A schema that takes something away is not generated either.
func TestSchemaOnlyGrows(t *testing.T) {
	before, err := os.ReadFile(filepath.Join(repository, schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range takenAway(t, string(before), schemaDocument()) {
		t.Error(what)
	}
}

// TestTakenAway shows what counts as taken away.
func TestTakenAway(t *testing.T) {
	schema := func(s string) string { return `{"$defs":{"x ls":{"type":"array","items":` + s + `}}}` }
	for _, c := range []struct {
		before, after string
		want          int
	}{
		{`{"properties":{"a":{"type":"string"}}}`, `{"properties":{"a":{"type":"string"},"b":{"type":"string"}}}`, 0},
		{`{"properties":{"a":{"type":"string","description":"x"}}}`,
			`{"properties":{"a":{"type":"string","description":"y"}}}`, 0},
		{`{"properties":{"a":{"type":"string"}}}`, `{"properties":{"b":{"type":"string"}}}`, 1},
		{`{"properties":{"a":{"type":"string"}}}`, `{"properties":{"a":{"type":"integer"}}}`, 1},
		{`{"properties":{"a":{"type":"array","items":{"properties":{"b":{}}}}}}`,
			`{"properties":{"a":{"type":"array","items":{"properties":{}}}}}`, 1},
		{`{"required":["a"],"properties":{"a":{}}}`, `{"required":[],"properties":{"a":{}}}`, 1},
	} {
		if got := takenAway(t, schema(c.before), schema(c.after)); len(got) != c.want {
			t.Errorf("%s to %s takes away %q", c.before, c.after, got)
		}
	}
	if got := takenAway(t, schema(`{}`), `{"$defs":{}}`); len(got) != 1 {
		t.Errorf("a command less takes away %q", got)
	}
}

// takenAway says what a schema has no more that it had.
func takenAway(t *testing.T, before, after string) []string {
	t.Helper()
	var old, now any
	if err := json.Unmarshal([]byte(before), &old); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(after), &now); err != nil {
		t.Fatal(err)
	}
	return missing("", old, now)
}

// missing compares the parts of two schemas that say what there is.
func missing(path string, old, now any) []string {
	o, isObject := old.(map[string]any)
	if !isObject {
		if list, isList := old.([]any); isList {
			return missingItems(path, list, now)
		}
		if !reflect.DeepEqual(old, now) {
			return []string{fmt.Sprintf("%s was %v and is %v: scripts rely on it", path, old, now)}
		}
		return nil
	}
	n, _ := now.(map[string]any)
	var out []string
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if _, isText := o[key].(string); isText && (key == "description" || key == "title" || key == "$comment") {
			continue
		}
		if _, still := n[key]; !still {
			out = append(out, fmt.Sprintf("%s/%s has gone: scripts rely on it, JSON is only ever added to", path, key))
			continue
		}
		out = append(out, missing(path+"/"+key, o[key], n[key])...)
	}
	return out
}

// missingItems compares lists: those of required keys, in any order, and others one by one.
func missingItems(path string, old []any, now any) []string {
	n, _ := now.([]any)
	var out []string
	for i, item := range old {
		if _, isText := item.(string); isText {
			if !slices.Contains(n, item) {
				out = append(out, fmt.Sprintf("%s has %v no more: scripts rely on it", path, item))
			}
			continue
		}
		if i >= len(n) {
			out = append(out, fmt.Sprintf("%s/%d has gone: scripts rely on it", path, i))
			continue
		}
		out = append(out, missing(fmt.Sprintf("%s/%d", path, i), item, n[i])...)
	}
	return out
}
