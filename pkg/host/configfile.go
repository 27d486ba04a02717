// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"net"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/config"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// configFile is the value of --config: a YAML file whose keys are the names of the other flags.
type configFile string

// registerConfig makes the flag --config.
func registerConfig(flags *pflag.FlagSet, variable string) {
	flags.Var(new(configFile), cli.ConfigFlag, "YAML file with values for these flags, by name; a flag or variable "+
		"overrides it (default none)")
	cli.Variable(flags, cli.ConfigFlag, variable)
	flags.Lookup(cli.ConfigFlag).Annotations[cobra.BashCompFilenameExt] = []string{"yaml", "yml"}
}

// String, Set and Type implement pflag.Value.
func (c *configFile) String() string { return string(*c) }

func (c *configFile) Set(path string) error {
	*c = configFile(path)
	return nil
}

func (*configFile) Type() string { return "file" }

// Settings implements Source.
func (c *configFile) Settings(flags *pflag.FlagSet, getenv func(string) string) ([]config.Setting, error) {
	if *c == "" {
		return nil, nil
	}
	path, err := cli.ExpandHome(string(*c), getenv)
	if err != nil {
		return nil, err
	}
	return config.ReadSettings(path, flags, cli.ConfigFlag, "help")
}

// NodeSettings are what a node would start with.
type NodeSettings struct {
	// Flags are those of "node start".
	Flags *pflag.FlagSet
	// Listen is the address it would listen at. DataDir is its directory, "" if it leaves nothing behind.
	Listen, DataDir string
	// Defaults are the values that flags without one stand for, by name; From says of some where they are from: a
	// file in which the node remembers them. What the cluster of --join says is not among them.
	Defaults, From map[string]string
}

// defaults fills in what the flags that have no value stand for.
func (s *NodeSettings) defaults(o *Options) error {
	s.Defaults, s.From = make(map[string]string), make(map[string]string)
	pl := &place{dir: s.DataDir}
	if s.DataDir != "" {
		kept, err := loadIdentity(s.DataDir)
		if err != nil {
			return err
		}
		pl.identity = kept
		if kept.Node != "" {
			s.From["node-id"] = filepath.Join(s.DataDir, identityFile)
		}
		if kept.Store != "" {
			s.From["store"] = filepath.Join(s.DataDir, identityFile)
		}
	}
	if err := pl.takeName(o); err != nil {
		return err
	}
	if err := pl.chooseStore(o); err != nil {
		return err
	}
	s.Defaults["data-dir"], s.Defaults["node-id"] = s.DataDir, pl.Node
	if pl.Store != "" || len(o.Join) == 0 {
		s.Defaults["store"] = pl.store.String()
		if pl.store == (storeURL{scheme: schemePebble}) {
			s.Defaults["store"] += s.DataDir
		}
	}
	leaseTTL, heartbeat := registry.Times(o.LeaseTTL, o.Heartbeat)
	s.Defaults["lease-ttl"], s.Defaults["heartbeat"] = leaseTTL.String(), heartbeat.String()
	s.Defaults["max-calls"] = strconv.Itoa(node.DefaultMaxCalls)
	s.Defaults["advertise"] = o.Listen
	if host, port, err := cli.ParseAddress("--listen", o.Listen); err == nil && isUnspecified(host) {
		s.Defaults["advertise"] = net.JoinHostPort(interfaceAddress(host), port)
	}
	return nil
}

// ReadNodeSettings returns the settings of "node start" with the flags given, by name; those with an empty value are
// left out. The values are checked as the start of a node does it.
func ReadNodeSettings(p cli.Process, given map[string]string) (*NodeSettings, error) {
	var o Options
	flags := pflag.NewFlagSet("start", pflag.ContinueOnError)
	o.register(flags)
	for name, value := range given {
		if value == "" {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return nil, api.Errorf(api.CodeInvalidArgument, "--%s %q: %v", name, value, cli.Cause(err))
		}
	}
	if err := cli.ReadSettings(flags, p.Getenv); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, cli.Blame(flags, err)
	}
	dir, err := dataDir(p, &o)
	if err != nil {
		return nil, err
	}
	s := &NodeSettings{Flags: flags, Listen: o.Listen, DataDir: dir}
	return s, s.defaults(&o)
}
