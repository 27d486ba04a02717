// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// DefaultDrainTimeout is how long a node that is asked to stop moves its actors to others.
	DefaultDrainTimeout = 30 * time.Second
	// DefaultStoreListen is where a store that is served on its own listens.
	DefaultStoreListen = "127.0.0.1:7500"
)

// Options are what a node is started with: the flags of "node start".
type Options struct {
	// NodeID is the node's name. "" is the one kept in the data directory, else host name and port.
	NodeID string
	// Listen is the address to listen at, HOST:PORT; port 0 is any that is free.
	Listen string
	// Advertise is the address that others reach the node at; "" is the one listened at, with an address of this
	// machine if that is every one.
	Advertise string
	// Join are addresses of running nodes, asked in turn for their cluster.
	Join []string
	// Store is the store's URL. "" is what the cluster joined says, else what the node used
	// before, else "pebble:".
	Store string
	// DataDir is the directory that is the node's own. "" is the directory of the store if that is "pebble:DIR", else
	// one named after the node or its port in the user's data directory.
	DataDir string
	// Capacity is the greatest number of activations; 0 is no limit.
	Capacity int
	// Zone is where the node is, all of which may fail at once; "" is not known.
	Zone string
	// Labels are what placement can prefer the node by, each KEY=VALUE.
	Labels []string
	// MemoryLimit is about how many bytes active actors may take; 0 sets no limit.
	MemoryLimit cli.Bytes
	// MaxCalls is the maximum number of calls in flight on the node.
	MaxCalls int
	// MaxConnections and MaxConnectionsPerAddress bound the connections of the node, and those of callers from one
	// address; 0 means what connectionsMax says, and half of that.
	MaxConnections, MaxConnectionsPerAddress int
	// CheckReads fails calls of reading methods that change the state. It costs two encodings of the state a call.
	CheckReads bool
	// LeaseTTL and Heartbeat are set by the first node of a cluster. 0 is what the cluster has.
	LeaseTTL, Heartbeat time.Duration
	// FenceUnreachable is how long more than half of all members must be unable to reach a node, whose heartbeats go
	// on, before they fence it; 0 means never.
	FenceUnreachable time.Duration
	// DrainTimeout is how long a node that is asked to stop moves its actors to other nodes, before it stops; 0 is
	// not at all. A node whose store is its own stops without: others can't go on without it.
	DrainTimeout time.Duration
	// OnFull is what is done when the disk of an embedded store is full: "exit", also if it is "", or "wait".
	OnFull string
	Log    LogOptions
}

// register makes the flags.
func (o *Options) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.NodeID, "node-id", "", "name of the node in the cluster (default host name and port, kept "+
		"with the data)")
	flags.StringVar(&o.Listen, "listen", cli.DefaultListen, "address to listen at, HOST:PORT")
	flags.StringVar(&o.Advertise, "advertise", "", "address at which other nodes and clients reach this one "+
		"(default that of --listen; if that is every address, the one by which packets leave the machine)")
	flags.StringSliceVar(&o.Join, "join", nil, "address of a running node of the cluster to join; may be repeated "+
		"(default none)")
	flags.StringVar(&o.Store, "store", "", "memory:, pebble:DIR, fdb:CLUSTERFILE or kelpie://HOST:PORT (default "+
		"that of the cluster joined, else the one this node used before, else pebble: in the data directory)")
	registerDataDir(flags, &o.DataDir)
	flags.IntVar(&o.Capacity, "capacity", 0, "maximum number of active actors, 0 for no limit (default 0)")
	flags.StringVar(&o.Zone, "zone", "", "where the node is, such as a rack or a data centre; placement spread "+
		"puts a similar number of actors into each zone (default none)")
	flags.StringSliceVar(&o.Labels, "label", nil, "label of the node, KEY=VALUE, for placement affinity; may be "+
		"repeated (default none)")
	flags.Var(&o.MemoryLimit, "memory-limit", "maximum memory of active actors, such as 512MiB or 2GiB; beyond "+
		"it, the least recently used are deactivated; 0 for no limit (default 0)")
	flags.IntVar(&o.MaxCalls, "max-calls", node.DefaultMaxCalls,
		"maximum number of calls in flight on the node; it refuses more as overloaded")
	flags.IntVar(&o.MaxConnections, "max-connections", 0, "maximum number of connections, of which a sixteenth, at "+
		"most 256, is for nodes and tools (default what the limit of open files leaves, at most 20000)")
	flags.IntVar(&o.MaxConnectionsPerAddress, "max-connections-per-address", 0, "maximum number of connections of "+
		"callers from one address (default half of --max-connections)")
	flags.BoolVar(&o.CheckReads, "check-reads", false, "fail calls of reading methods that change the state, and "+
		"undo the change; it costs two encodings of the state a call (default false)")
	flags.DurationVar(&o.LeaseTTL, "lease-ttl", 0, "time after which a silent node's actors move, set by the first "+
		"node of a cluster (default "+registry.DefaultLeaseTTL.String()+")")
	flags.DurationVar(&o.Heartbeat, "heartbeat", 0, "interval of heartbeats, at most a third of the lease, set by "+
		"the first node of a cluster (default "+registry.DefaultHeartbeat.String()+")")
	flags.DurationVar(&o.FenceUnreachable, "fence-unreachable", 0, "after how long a node that reaches the store is "+
		"fenced if more than half of all members can't reach it, 0 for never (default 0)")
	flags.DurationVar(&o.DrainTimeout, "drain-timeout", DefaultDrainTimeout, "how long a stopping node moves its "+
		"actors to other nodes, 0 to stop without a drain; a node that keeps the store itself does not drain")
	for flag, variable := range map[string]string{
		"node-id": "KELPIE_NODE_ID", "listen": "KELPIE_LISTEN", "advertise": "KELPIE_ADVERTISE", "join": "KELPIE_JOIN",
		"store": "KELPIE_STORE", "capacity": "KELPIE_CAPACITY", "zone": "KELPIE_ZONE", "label": "KELPIE_LABELS",
		"memory-limit": "KELPIE_MEMORY_LIMIT", "max-calls": "KELPIE_MAX_CALLS", "lease-ttl": "KELPIE_LEASE_TTL",
		"heartbeat": "KELPIE_HEARTBEAT", "check-reads": "KELPIE_CHECK_READS",
		"fence-unreachable":           "KELPIE_FENCE_UNREACHABLE",
		"drain-timeout":               "KELPIE_DRAIN_TIMEOUT",
		"max-connections":             "KELPIE_MAX_CONNECTIONS",
		"max-connections-per-address": "KELPIE_MAX_CONNECTIONS_PER_ADDRESS",
	} {
		cli.Variable(flags, flag, variable)
	}
	registerOnFull(flags, &o.OnFull, "KELPIE_ON_FULL")
	o.Log.register(flags)
	registerConfig(flags, "KELPIE_NODE_CONFIG")
}

func registerDataDir(flags *pflag.FlagSet, dir *string) {
	flags.StringVar(dir, "data-dir", "", "directory for data that must outlive the process (default kelpie/NAME "+
		"in $XDG_DATA_HOME or ~/.local/share, or the directory of pebble:DIR)")
	cli.Variable(flags, "data-dir", "KELPIE_DATA_DIR")
}

// validate checks what can be checked without looking at the world. Errors are CodeInvalidArgument.
func (o *Options) validate() error {
	for _, check := range []struct {
		flag string
		err  func() error
	}{
		{"node-id", o.validateNodeID},
		{"listen", o.validateListen},
		{"advertise", o.validateAdvertise},
		{"join", o.validateJoin},
		{"drain-timeout", func() error {
			return notNegative("--drain-timeout", o.DrainTimeout, "0 means to stop without a drain")
		}},
		{"fence-unreachable", func() error {
			return notNegative("--fence-unreachable", o.FenceUnreachable, "0 means never")
		}},
		{"capacity", func() error { return notNegative("--capacity", o.Capacity, "0 means no limit") }},
		{"max-calls", func() error {
			return notNegative("--max-calls", o.MaxCalls, fmt.Sprint("0 means ", node.DefaultMaxCalls))
		}},
		{"max-connections", func() error { return checkConnections(o.MaxConnections) }},
		{"max-connections-per-address", func() error {
			return notNegative("--max-connections-per-address", o.MaxConnectionsPerAddress,
				"0 means half of --max-connections")
		}},
		{"lease-ttl", o.validateLease},
		{"zone", func() error { return api.ValidateZone(o.Zone) }},
		{"label", func() error { return api.ValidateLabels(o.Labels) }},
		{"store", o.validateStore},
		{"on-full", func() error { return validateOnFull(o.OnFull) }},
	} {
		if err := check.err(); err != nil {
			return cli.OfFlag(check.flag, err)
		}
	}
	return o.Log.validate()
}

func notNegative[N int | time.Duration](flag string, n N, zero string) error {
	if n < 0 {
		return api.Errorf(api.CodeInvalidArgument, "%s %v: must not be negative; %s", flag, n, zero)
	}
	return nil
}

func (o *Options) validateNodeID() error {
	if o.NodeID == "" {
		return nil
	}
	return api.ValidateNodeID(o.NodeID)
}

func (o *Options) validateListen() error {
	_, port, err := cli.ParseAddress("--listen", o.Listen)
	if err != nil {
		return err
	}
	if port == "0" && o.NodeID == "" {
		return api.Errorf(api.CodeInvalidArgument, "--listen %s: port 0 needs a --node-id, because the default "+
			"name of a node contains its port", o.Listen)
	}
	return nil
}

func (o *Options) validateAdvertise() error {
	if o.Advertise == "" {
		return nil
	}
	return checkAdvertised(o.Advertise, o.Listen)
}

func (o *Options) validateJoin() error {
	for _, addr := range o.Join {
		if err := cli.CheckAddress("--join", addr); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) validateLease() error {
	if o.LeaseTTL == 0 || o.Heartbeat == 0 {
		return nil
	}
	return registry.ValidateTimes(o.LeaseTTL, o.Heartbeat)
}

func (o *Options) validateStore() error {
	if o.Store == "" {
		return nil
	}
	u, err := parseStoreURL(o.Store)
	if err != nil {
		return err
	}
	if u.scheme == schemeMemory && len(o.Join) > 0 {
		return api.Errorf(api.CodeInvalidArgument, "--store memory: belongs to this node alone and can't hold "+
			"the cluster of --join; leave out --store to use the cluster's")
	}
	return nil
}
