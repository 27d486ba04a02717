// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// waitInterval is how often a cluster that is not yet as wanted is looked at.
const waitInterval = 200 * time.Millisecond

func (k *kelpie) cluster() *cobra.Command {
	return group("cluster", "Show the cluster, wait for nodes, rebalance it", "", k.clusterStatus(), k.clusterWait(),
		k.clusterRebalance())
}

func (k *kelpie) clusterWait() *cobra.Command {
	var c connection
	var nodes int
	cmd := &cobra.Command{
		Use:   "wait --nodes N",
		Short: "Wait for a number of active nodes",
		Long: "Wait until at least N nodes are active, or until --timeout has passed. The\n" +
			"command also waits for nodes that do not answer yet.",
		Example: "  kelpie cluster wait --nodes 3 --timeout 1m",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if nodes < 1 {
				return api.Errorf(api.CodeInvalidArgument, "pass --nodes N, the number of nodes to wait for, at "+
					"least 1")
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			ctx, cancel := context.WithTimeout(cmd.Context(), c.timeout)
			defer cancel()
			active, err := waitForNodes(ctx, s, nodes)
			if err != nil {
				return err
			}
			_, err = human.Fprintf(k.Stdout, "%s active\n", nodesText(active))
			return err
		},
	}
	c.register(cmd.Flags())
	cmd.Flags().IntVar(&nodes, "nodes", 0, "number of nodes to wait for")
	return cmd
}

// waitForNodes blocks until enough nodes are active, and returns how many are. When the time runs out, it returns
// what was last heard.
func waitForNodes(ctx context.Context, s *session, enough int) (int, error) {
	ticks := time.NewTicker(waitInterval)
	defer ticks.Stop()
	var last error
	heard := false
	for {
		active, err := activeNodes(ctx, s)
		switch cli.ExitCodeOf(err) {
		case cli.ExitOK:
			if active >= enough {
				return active, nil
			}
			heard = true
			last = api.Errorf(api.CodeUnavailable, "only %s of %d active after %v; look at the others with "+
				"'kelpie node ls', or raise --timeout", nodesText(active), enough,
				s.timeout)
		case cli.ExitUnavailable:
			if !heard { // what a node has said is more than that the last question was cut short
				last = err
			}
		default:
			return 0, err
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return 0, last
		}
	}
}

func activeNodes(ctx context.Context, s *session) (int, error) {
	reply, err := ask[api.Empty, api.NodesReply](ctx, s, api.MethodNodes, &api.Empty{})
	if err != nil {
		return 0, err
	}
	active := 0
	for _, row := range reply.Nodes {
		if row.State == "active" {
			active++
		}
	}
	return active, nil
}

func nodesText(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}
