// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
)

func (k *kelpie) node() *cobra.Command {
	start := host.StartCommand(k.Process, programVersion(), builtin()...)
	start.Long += "\n\n" + builtinHelp
	start.Example = `  kelpie node start
  kelpie node start --listen 10.0.0.6:7600 --join 10.0.0.5:7600
  kelpie node start --store fdb:/etc/foundationdb/fdb.cluster --zone eu --label disk=ssd`
	return group("node", "Start, list and drain nodes", "", start, k.nodeList(), k.nodeShow(), k.nodeDrain(),
		k.nodeUndrain(), k.nodeRemove())
}

// errStoreLost is the error of an answer that a node gave without its store, nil for an answer with it.
func errStoreLost(lost string) error {
	if lost == "" {
		return nil
	}
	return cli.Advise(api.Errorf(api.CodeUnavailable, "%s", lost), "this is what the node that answered knew "+
		"before; "+storeAdvice)
}

func (k *kelpie) nodeList() *cobra.Command {
	var f nodeFilter
	return listCommand[api.NodeRow]{
		use:   "ls",
		short: "List the nodes of the cluster",
		long: `List the nodes of the cluster, including those that have left or failed. While the
node that answers can't reach the store, the rows are what it knew before, and
the exit code is 3.`,
		example: "  kelpie node ls --state active,draining -o wide\n  kelpie node ls --zone eu --label disk=ssd -o " +
			"name\n  kelpie node ls --sort actors:desc",
		args:    cli.Args(),
		flags:   f.register,
		listing: nodeListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.NodeRow) error) error {
			if err := f.validate(); err != nil {
				return err
			}
			reply, err := ask[api.Empty, api.NodesReply](ctx, s, api.MethodNodes, &api.Empty{})
			if err != nil {
				return err
			}
			rows := slices.DeleteFunc(reply.Nodes, func(r api.NodeRow) bool { return !f.selects(&r) })
			return cmp.Or(emit(rows), errStoreLost(reply.StoreLost))
		},
	}.command(k)
}
