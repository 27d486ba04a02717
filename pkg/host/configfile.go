// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/config"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// configFlag is the flag that names a file with the other flags' values.
const configFlag = "config"

// configFile is the value of --config: a YAML file whose keys are the names of the other flags.
type configFile string

// registerConfig makes the flag --config.
func registerConfig(flags *pflag.FlagSet, variable string) {
	flags.Var(new(configFile), configFlag, "YAML file with values for these flags, by name; a flag or variable "+
		"overrides it (default none)")
	Variable(flags, configFlag, variable)
	flags.Lookup(configFlag).Annotations[cobra.BashCompFilenameExt] = []string{"yaml", "yml"}
}

// String, Set and Type implement pflag.Value.
func (c *configFile) String() string { return string(*c) }

func (c *configFile) Set(path string) error {
	*c = configFile(path)
	return nil
}

func (*configFile) Type() string { return "file" }

// Settings implements Source.
func (c *configFile) Settings(flags *pflag.FlagSet, _ func(string) string) ([]config.Setting, error) {
	if *c == "" {
		return nil, nil
	}
	return config.ReadSettings(string(*c), flags, configFlag, "help")
}

// NodeSettings are what a node would start with.
type NodeSettings struct {
	// Flags are those of "node start".
	Flags *pflag.FlagSet
	// Listen is the address it would listen at. DataDir is its directory, "" if it leaves nothing behind.
	Listen, DataDir string
}

// ReadNodeSettings returns the settings of "node start" with the flags given, by name; those with an empty value are
// left out. The values are checked as the start of a node does it.
func ReadNodeSettings(p Process, given map[string]string) (*NodeSettings, error) {
	var o Options
	flags := pflag.NewFlagSet("start", pflag.ContinueOnError)
	o.register(flags)
	for name, value := range given {
		if value == "" {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return nil, api.Errorf(api.CodeInvalidArgument, "--%s %q: %v", name, value, cause(err))
		}
	}
	if err := ReadSettings(flags, p.Getenv); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, blame(flags, err)
	}
	dir, err := dataDir(p, &o)
	return &NodeSettings{flags, o.Listen, dir}, err
}
