// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/config"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func (k *kelpie) context() *cobra.Command {
	return group("context", "Manage named clusters",
		`A context is a named cluster: the addresses of its nodes, and defaults for
--timeout, --output and --no-color. Commands use the current context, or the one
that --context or KELPIE_CONTEXT names. A flag overrides its variable, the
variable overrides the context, and the context overrides the default:
KELPIE_ADDR hides the addresses of the current context. A context that --context
names also overrides variables.

Contexts are kept in the file that KELPIE_CONFIG names, else in
kelpie/config.yaml in $XDG_CONFIG_HOME or ~/.config.`,
		k.contextList(), k.contextAdd(), k.contextUse(), k.contextRemove())
}

// contextRow is a row of "context ls".
type contextRow struct {
	Context string   `json:"context"`
	Current bool     `json:"current"`
	Addr    []string `json:"addr"`
	Timeout string   `json:"timeout"`
	Output  string   `json:"output"`
	NoColor bool     `json:"no_color"`
}

var contextListing = listing[contextRow]{
	name: func(r *contextRow) string { return r.Context },
	fields: []field[contextRow]{
		{key: "context", meaning: "name of the context", header: "CONTEXT", cell: func(r *contextRow) string {
			return r.Context
		}},
		{key: "current", meaning: "whether it is the default for commands", header: "CURRENT",
			cell: func(r *contextRow) string { return mark(r.Current) }},
		{key: "addr", meaning: "addresses of nodes", header: "ADDR", cell: func(r *contextRow) string {
			return list(r.Addr)
		}},
		{key: "timeout", meaning: "its --timeout, empty if not set", header: "TIMEOUT",
			cell: func(r *contextRow) string { return dash(r.Timeout) }},
		{key: "output", meaning: "its --output, empty if not set", header: "OUTPUT",
			cell: func(r *contextRow) string { return dash(r.Output) }},
		{key: "no_color", meaning: "whether it prints without colour", header: "NO COLOR", wide: true,
			cell: func(r *contextRow) string { return mark(r.NoColor) }},
	},
}

func mark(yes bool) string {
	if yes {
		return "*"
	}
	return "-"
}

func newContextRow(c *config.Contexts, x *config.Context) contextRow {
	v := newContextValues()
	for i := range x.Settings {
		must(x.Settings[i].Set(v.flags)) // it was checked when it was read
	}
	row := contextRow{Context: x.Name, Current: c.Current == x.Name, Addr: []string{}, NoColor: v.noColor}
	if v.flags.Changed("addr") {
		row.Addr = append(row.Addr, v.addrs...)
	}
	if v.flags.Changed("timeout") {
		row.Timeout = v.timeout.String()
	}
	if v.flags.Changed("output") {
		row.Output = v.format.String()
	}
	return row
}

// contexts reads the file of contexts.
func (k *kelpie) contexts() (c *config.Contexts, path string, err error) {
	return readContexts(k.Getenv)
}

// contextsToAdd reads the file of contexts, which need not be there.
func (k *kelpie) contextsToAdd() (c *config.Contexts, path string, err error) {
	path, origin := configPath(k.Getenv)
	if path == "" {
		return nil, "", noConfigPath()
	}
	if path, err = cli.ExpandHome(path, k.Getenv); err != nil {
		return nil, "", api.Errorf(api.CodeInvalidArgument, "%s: %s", origin, cli.Message(err))
	}
	c, err = config.ReadContexts(path, contextFlags)
	return c, path, err
}

// saveContexts writes the file of contexts. What it is by way of a symbolic link stays linked.
func saveContexts(c *config.Contexts, path string) error {
	content, err := c.Encode()
	if err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	err = os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = cli.ReplaceFile(path, content)
	}
	if err == nil {
		return nil
	}
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err // the path says the same again
	}
	return cli.Advise(
		api.Errorf(api.CodeFailedPrecondition, "%s can't be written: %w", path, err),
		"name a writable file with %s", configVariable,
	)
}

func (k *kelpie) contextList() *cobra.Command {
	return listCommand[contextRow]{
		use:     "ls",
		short:   "List contexts",
		long:    "List the contexts of the configuration file. No cluster is contacted.",
		example: "  kelpie context ls",
		args:    cli.Args(),
		listing: contextListing,
		offline: true,
		fetch: func(_ context.Context, _ *session, _ []string, emit func([]contextRow) error) error {
			c, _, err := k.contexts()
			if err != nil {
				return err
			}
			all := make([]contextRow, 0, len(c.All))
			for i := range c.All {
				all = append(all, newContextRow(c, &c.All[i]))
			}
			return emit(all)
		},
	}.command(k)
}

func (k *kelpie) contextAdd() *cobra.Command {
	v := newContextValues()
	var use bool
	cmd := &cobra.Command{
		Use:   "add NAME --addr HOST:PORT[,HOST:PORT...]",
		Short: "Add a context",
		Long: "Add a context with the given flags, which become its defaults. No cluster is\n" +
			"contacted, and variables are ignored.",
		Example: "  kelpie context add prod --addr 10.0.0.1:7600,10.0.0.2:7600 --timeout 10s --use",
		Args:    cli.Args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.check(args[0]); err != nil {
				return err
			}
			return k.addContext(args[0], v, use)
		},
	}
	cmd.Flags().AddFlagSet(v.flags)
	v.output.complete(cmd)
	cmd.Flags().BoolVar(&use, "use", false, "make it the current context (default false)")
	return cmd
}

// check checks what "context add" was given. Errors are CodeInvalidArgument.
func (v *contextValues) check(name string) error {
	if err := config.ValidateContextName(name); err != nil {
		return err
	}
	if !v.flags.Lookup("addr").Changed {
		return api.Errorf(api.CodeInvalidArgument, "--addr is missing: pass the addresses of nodes, such as %s",
			cli.DefaultListen)
	}
	return v.validate()
}

func (k *kelpie) addContext(name string, v *contextValues, use bool) error {
	c, path, err := k.contextsToAdd()
	if err != nil {
		return err
	}
	if c.Lookup(name) != nil {
		return cli.Advise(
			api.Errorf(api.CodeAlreadyExists, "context %s is already in %s", name, path),
			"edit that file, or remove the context with: kelpie context rm %s", name,
		)
	}
	c.Add(name, v.flags)
	said := fmt.Sprintf("context %s added", name)
	if use {
		c.Use(name)
		said += " and made current"
	}
	if err := saveContexts(c, path); err != nil {
		return err
	}
	_, err = human.Fprintf(k.Stdout, "%s\n", said)
	return err
}

// existing returns the contexts, of which one has the name.
func (k *kelpie) existing(name string) (c *config.Contexts, path string, err error) {
	if err := config.ValidateContextName(name); err != nil {
		return nil, "", err
	}
	c, path, err = k.contexts()
	if err == nil && c.Lookup(name) == nil {
		err = noContext(name, path)
	}
	return c, path, err
}

func (k *kelpie) contextUse() *cobra.Command {
	return &cobra.Command{
		Use:   "use NAME",
		Short: "Choose the current context",
		Long: "Make a context the current one: the default for commands, unless --context,\n" +
			"KELPIE_CONTEXT, or their own flags and variables override it.",
		Example: "  kelpie context use prod",
		Args:    cli.Args("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			c, path, err := k.existing(args[0])
			if err != nil {
				return err
			}
			c.Use(args[0])
			if err := saveContexts(c, path); err != nil {
				return err
			}
			_, err = human.Fprintf(k.Stdout, "context %s is now current\n", args[0])
			return err
		},
		ValidArgsFunction: k.completeContext,
	}
}

func (k *kelpie) contextRemove() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a context",
		Long: "Remove a context from the configuration file. If it is the current context, no\n" +
			"context is current afterwards. The cluster is not touched.",
		Example: "  kelpie context rm prod",
		Args:    cli.Args("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			c, path, err := k.existing(args[0])
			if err != nil {
				return err
			}
			question, said := "Remove context %s?", "context %s removed\n"
			if c.Current == args[0] {
				question, said = "Remove context %s, the current one?",
					"context %s removed; no context is current now\n"
			}
			if err := k.confirm(yes, fmt.Sprintf(question, args[0])); err != nil {
				return err
			}
			c.Remove(args[0])
			if err := saveContexts(c, path); err != nil {
				return err
			}
			_, err = human.Fprintf(k.Stdout, said, args[0])
			return err
		},
		ValidArgsFunction: k.completeContext,
	}
	registerYes(cmd, &yes)
	return cmd
}

// completeContext completes an argument that is a context's name.
func (k *kelpie) completeContext(_ *cobra.Command, args []string, _ string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return k.contextNames(), cobra.ShellCompDirectiveNoFileComp
}
