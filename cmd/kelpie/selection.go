// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// sortRowsMax is how many rows are sorted: listings come in the order of their keys, a page at a time, and another
// order needs them all.
const sortRowsMax = 10_000

// selection is the flags of a list that say how many of its rows are shown, and in which order.
type selection struct {
	limit int
	sort  string
}

// register makes the flags, unless the command has one of its own of that name.
func (sel *selection) register(cmd *cobra.Command, columns []string) {
	flags := cmd.Flags()
	if flags.Lookup("limit") == nil {
		flags.IntVar(&sel.limit, "limit", 0, "maximum number of rows to list, 0 for no limit")
	}
	if len(columns) == 0 || flags.Lookup("sort") != nil {
		return
	}
	flags.StringVar(&sel.sort, "sort", "", "COLUMN[:desc], by its key in the JSON: sort up to 10,000 rows (default "+
		"the order of their keys)")
	var completions []cobra.Completion
	for _, c := range columns {
		completions = append(completions, c, c+descending)
	}
	must(cmd.RegisterFlagCompletionFunc(
		"sort", cobra.FixedCompletions(completions, cobra.ShellCompDirectiveNoFileComp)))
}

func (sel *selection) validate() error {
	if sel.limit < 0 {
		return api.Errorf(api.CodeInvalidArgument, "--limit %d: must not be negative", sel.limit)
	}
	return nil
}

// fetched is how many rows must be fetched, 0 for all.
func (sel *selection) fetched() int {
	if sel.sort != "" {
		return 0
	}
	return sel.limit
}

// errEnough ends the fetching of rows when there are as many as are wanted.
var errEnough = errors.New("enough rows")

// printSelected prints what fetch gets: as it comes if by is nil, else sorted.
func printSelected[R any](p printer[R], sel *selection, by *sorting[R],
	fetch func(emit func(page []R) error) error) error {
	var rows []R
	left := sel.limit
	err := fetch(func(page []R) error {
		if by != nil {
			rows = append(rows, page...)
			return checkSortable(len(rows))
		}
		if sel.limit > 0 {
			page = page[:min(left, len(page))]
			left -= len(page)
		}
		if err := p.rows(page); err != nil {
			return err
		}
		if sel.limit > 0 && left == 0 {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if len(rows) > 0 {
		if err := by.sort(rows); err != nil {
			return err
		}
		if sel.limit > 0 {
			rows = rows[:min(sel.limit, len(rows))]
		}
		if err := p.rows(rows); err != nil {
			return err
		}
	}
	return p.end()
}

func checkSortable(rows int) error {
	if rows <= sortRowsMax {
		return nil
	}
	return cli.Advise(
		api.Errorf(api.CodeFailedPrecondition, "--sort: there are more than %d rows, too many to sort here",
			sortRowsMax),
		"filter them, or leave --sort out and pipe the list into sort",
	)
}

const descending = ":desc"

// sorting is the order of --sort: by the value of a key of the rows' JSON, numbers as such, and what is equal as it
// came.
type sorting[R any] struct {
	key  string
	desc bool
}

// newSorting reads --sort; "" is no order, nil. Errors are CodeInvalidArgument.
func newSorting[R any](l listing[R], flag string) (*sorting[R], error) {
	if flag == "" {
		return nil, nil
	}
	key, desc := strings.CutSuffix(flag, descending)
	columns := l.sortable()
	if !slices.Contains(columns, key) {
		return nil, api.Errorf(api.CodeInvalidArgument, "--sort %q: write COLUMN or COLUMN:desc; the columns are "+
			"%s", flag, strings.Join(columns, ", "))
	}
	return &sorting[R]{key, desc}, nil
}

// sortable returns the keys that rows can be sorted by.
func (l listing[R]) sortable() []string {
	var keys []string
	for _, f := range l.fields {
		keys = append(keys, f.key)
	}
	return keys
}

// sort sorts rows in place.
func (o *sorting[R]) sort(rows []R) error {
	type keyed struct {
		row R
		key sortKey
	}
	all := make([]keyed, len(rows))
	for i, row := range rows {
		key, err := o.keyOf(row)
		if err != nil {
			return err
		}
		all[i] = keyed{row, key}
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		if o.desc {
			return b.key.compare(a.key)
		}
		return a.key.compare(b.key)
	})
	for i := range all {
		rows[i] = all[i].row
	}
	return nil
}

// sortKey is what a row is sorted by: a number, or else text.
type sortKey struct {
	number *big.Float
	text   string
}

// numberBits is enough for all whole numbers of 64 bits to be told apart.
const numberBits = 128

func (o *sorting[R]) keyOf(row R) (key sortKey, err error) {
	text, err := marshalJSON(row)
	if err != nil {
		return key, err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return key, err
	}
	value := bytes.TrimSpace(values[o.key])
	if number, _, err := big.ParseFloat(string(value), 10, numberBits, big.ToNearestEven); err == nil {
		return sortKey{number: number}, nil
	}
	if err := json.Unmarshal(value, &key.text); err != nil { // no text: sorted by its JSON
		key.text = string(value)
	}
	return key, nil
}

func (k sortKey) compare(other sortKey) int {
	switch {
	case k.number != nil && other.number != nil:
		return k.number.Cmp(other.number)
	case k.number != nil:
		return -1
	case other.number != nil:
		return 1
	}
	return strings.Compare(k.text, other.text)
}
