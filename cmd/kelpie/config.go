// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

func (k *kelpie) config() *cobra.Command {
	return group("config", "Show the settings in effect",
		"Settings come from flags, variables and files; docs/configuration.md describes\n"+
			"the files.", k.configShow())
}

// settingRow is a row of "config show".
type settingRow struct {
	Setting string `json:"setting"`
	Value   string `json:"value"`
	Source  string `json:"source"`
	From    string `json:"from"`
}

var settingListing = listing[settingRow]{
	name: func(r *settingRow) string { return r.Setting },
	fields: []field[settingRow]{
		{key: "setting", meaning: "the setting: a flag without dashes; \"config\" is the file itself",
			header: "SETTING",
			cell:   func(r *settingRow) string { return r.Setting }},
		{key: "value", meaning: "its value; lists are joined with commas", header: "VALUE",
			cell: func(r *settingRow) string { return dash(r.Value) }},
		{key: "source", meaning: "flag, variable, file or default: the first of these that sets it", header: "SOURCE",
			wide: true, cell: func(r *settingRow) string { return r.Source }},
		{key: "from", meaning: "the name of the flag or variable, or file and line", header: "FROM",
			cell: func(r *settingRow) string { return r.From }},
	},
}

func newSettingRow(f *pflag.Flag) settingRow {
	row := settingRow{Setting: f.Name, Value: f.Value.String()}
	if list, ok := f.Value.(pflag.SliceValue); ok {
		row.Value = strings.Join(list.GetSlice(), ",")
	}
	row.Source, row.From = cli.Origin(f)
	return row
}

// unset reports whether a flag has the value that stands for a default.
func unset(f *pflag.Flag) bool { return f.Value.String() == "" || f.Value.String() == f.DefValue }

func (k *kelpie) configShow() *cobra.Command {
	var c connection
	var o output
	var ofNode bool
	var file string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show every setting with its value and source",
		Long: `Show the settings of commands that talk to the cluster: every setting, its
value, and whether it comes from a flag, a variable, a context of the
configuration file, or the default. The first of these that sets it wins. With
--node, show the same for "kelpie node start", after the checks that a start
makes, without starting a node. No cluster is contacted.

` + settingListing.help(),
		Example: "  kelpie config show\n  kelpie config show --context prod -o json\n  kelpie config show --node " +
			"--config node.yaml",
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := k.settings(cmd.Flags(), ofNode, file)
			if err != nil {
				return err
			}
			p := newPrinter(k.Stdout, o.format, k.style(&o), settingListing, false)
			if err := p.rows(all); err != nil {
				return err
			}
			return p.end()
		},
	}
	c.register(cmd.Flags())
	o.register(cmd)
	cmd.Flags().BoolVar(&ofNode, "node", false, `show the settings of "node start" instead (default false)`)
	cmd.Flags().StringVar(&file, "config", "", "with --node: the file that you would pass to the node as "+
		"--config (default the one of $KELPIE_NODE_CONFIG)")
	must(cmd.MarkFlagFilename("config", "yaml", "yml"))
	return cmd
}

// settings returns the rows: of a node, or of the flags that "config show" shares with commands that ask the cluster.
func (k *kelpie) settings(flags *pflag.FlagSet, ofNode bool, file string) ([]settingRow, error) {
	var all []settingRow
	if ofNode {
		node, err := host.ReadNodeSettings(k.Process, map[string]string{"config": file})
		if err != nil {
			return nil, err
		}
		node.Flags.VisitAll(func(f *pflag.Flag) {
			row := newSettingRow(f)
			if is, stands := node.Defaults[f.Name]; stands && unset(f) {
				row.Value = is
				if from := node.From[f.Name]; from != "" {
					row.From = from
				}
			}
			all = append(all, row)
		})
		return all, nil
	}
	if file != "" {
		return nil, api.Errorf(api.CodeInvalidArgument, "--config needs --node; %s names the file of contexts",
			configVariable)
	}
	path, from := configPath(k.Getenv)
	row := settingRow{Setting: "config", Value: path, Source: cli.FromVariable, From: from}
	if from == cli.FromDefault {
		row.Source = cli.FromDefault
	}
	all = append(all, row)
	for _, name := range []string{"context", "addr", "timeout", "output", "no-color"} {
		row := newSettingRow(flags.Lookup(name))
		if name == "no-color" && row.Value == "false" && k.Getenv("NO_COLOR") != "" {
			row.Value, row.Source, row.From = "true", cli.FromVariable, "$NO_COLOR"
		}
		all = append(all, row)
	}
	return all, nil
}
