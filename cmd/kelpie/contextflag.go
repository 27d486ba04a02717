// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/config"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// configVariable names the file of contexts.
const configVariable = "KELPIE_CONFIG"

// contextVariable names a context.
const contextVariable = "KELPIE_CONTEXT"

// configPath returns where the file of contexts is, and what says so; "" if there is no place for it.
func configPath(getenv func(string) string) (path, origin string) {
	if path := getenv(configVariable); path != "" {
		return path, "$" + configVariable
	}
	// The XDG specification says to ignore a relative one.
	if base := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "kelpie", "config.yaml"), "$XDG_CONFIG_HOME"
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "kelpie", "config.yaml"), cli.FromDefault
	}
	return "", cli.FromDefault
}

// contextFlag is the value of --context: a name, "" for the current one.
type contextFlag string

func (c *contextFlag) register(flags *pflag.FlagSet) {
	flags.Var(c, "context", "the context of the configuration file to use (default the current one)")
	cli.Variable(flags, "context", contextVariable)
}

// String, Set and Type implement pflag.Value.
func (c *contextFlag) String() string { return string(*c) }

func (c *contextFlag) Set(name string) error {
	*c = contextFlag(name)
	return nil
}

func (*contextFlag) Type() string { return "name" }

// BeforeVariables implements cli.NamedSource: who names a cluster does not mean the one of KELPIE_ADDR.
func (*contextFlag) BeforeVariables() bool { return true }

// Settings implements cli.Source.
func (c *contextFlag) Settings(flags *pflag.FlagSet, getenv func(string) string) ([]config.Setting, error) {
	if path, _ := configPath(getenv); path == "" && *c == "" {
		return nil, nil
	}
	contexts, path, err := readContexts(getenv)
	if err != nil {
		return nil, err
	}
	name, settings := string(*c), []config.Setting(nil)
	if name == "" {
		if name = contexts.Current; name == "" {
			return nil, nil
		}
		settings = append(settings, contexts.CurrentSetting("context"))
	}
	x := contexts.Lookup(name)
	switch {
	case x == nil && *c == "":
		return nil, cli.Advise(
			api.Errorf(api.CodeNotFound, "%s: current: there is no context %q", contexts.CurrentWhere, name),
			"choose an existing one with: kelpie context use NAME",
		)
	case x == nil:
		return nil, noContext(name, path)
	}
	for _, s := range x.Settings {
		if takesContext(flags.Lookup(s.Flag)) {
			settings = append(settings, s)
		}
	}
	return settings, nil
}

// takesContext reports whether a flag is one that contexts have values for, rather than another of the same name.
func takesContext(f *pflag.Flag) bool {
	return f != nil && slices.Contains([]string{addrVariable, timeoutVariable, outputVariable, noColorVariable},
		cli.VariableOf(f))
}

// contextFlags returns flags that contexts have values for, as their own: without variables.
func contextFlags() (flags *pflag.FlagSet, check func() error) {
	v := newContextValues()
	return v.flags, v.validate
}

// readContexts reads the file of contexts. The default one need not be there; one that KELPIE_CONFIG names must.
func readContexts(getenv func(string) string) (c *config.Contexts, path string, err error) {
	path, origin := configPath(getenv)
	if path == "" {
		return nil, "", noConfigPath()
	}
	if path, err = cli.ExpandHome(path, getenv); err != nil {
		return nil, "", api.Errorf(api.CodeInvalidArgument, "%s: %s", origin, cli.Message(err))
	}
	if _, err := os.Stat(path); origin == "$"+configVariable && errors.Is(err, fs.ErrNotExist) {
		return nil, path, cli.Advise(
			api.Errorf(api.CodeInvalidArgument, "$%s names %s, which does not exist", configVariable, path),
			"correct %s, or make the file by: kelpie context add NAME --addr HOST:PORT", configVariable,
		)
	}
	c, err = config.ReadContexts(path, contextFlags)
	return c, path, err
}

// contextValues are what a context has values for.
type contextValues struct {
	connection
	output
	flags *pflag.FlagSet
}

func newContextValues() *contextValues {
	v := &contextValues{flags: pflag.NewFlagSet("context", pflag.ContinueOnError)}
	v.register(v.flags)
	return v
}

func (v *contextValues) register(flags *pflag.FlagSet) {
	v.addrFlag(flags)
	v.timeoutFlag(flags)
	v.addFlags(flags)
}

func noConfigPath() error {
	return cli.Advise(
		api.Errorf(api.CodeInvalidArgument, "there is no place for a configuration file: $%s, $XDG_CONFIG_HOME "+
			"and $HOME are not set", configVariable),
		"name one with %s", configVariable,
	)
}

func noContext(name, path string) error {
	return cli.Advise(
		api.Errorf(api.CodeNotFound, "no context is named %q in %s", name, path),
		"list the contexts with: kelpie context ls",
	)
}

// completeContextFlags completes --context wherever it is.
func (k *kelpie) completeContextFlags(cmd *cobra.Command) {
	if f := cmd.Flags().Lookup("context"); f != nil {
		must(cmd.RegisterFlagCompletionFunc(
			"context", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
				return k.contextNames(), cobra.ShellCompDirectiveNoFileComp
			}))
	}
	for _, sub := range cmd.Commands() {
		k.completeContextFlags(sub)
	}
}

// contextNames returns the names of the contexts, none if the file can't be read.
func (k *kelpie) contextNames() []cobra.Completion {
	contexts, _, err := readContexts(k.Getenv)
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for _, x := range contexts.All {
		names = append(names, cobra.CompletionWithDesc(x.Name, strings.Join(newContextRow(contexts, &x).Addr, ",")))
	}
	return names
}
