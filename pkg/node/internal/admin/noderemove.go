// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
)

// AdminNodeRemove forgets a node that is no longer a member.
func (adm *Service) ServeNodeRemove(ctx context.Context, in *api.NodeRemoveRequest) (*api.NodeRemoveReply, error) {
	known, err := adm.Registry.ReadNode(ctx, in.Node)
	switch {
	case err != nil:
		return nil, call.WireError(err)
	case known.ID == "":
		return nil, api.Errorf(api.CodeNotFound, "no node is named %q: see 'kelpie node ls'", call.Clip(in.Node))
	case known.Member():
		return nil, api.Errorf(api.CodeFailedPrecondition, "node %s is alive: it is %s at %s; drain and stop it first",
			in.Node, known.State, known.Address)
	}
	removed, err := adm.Registry.Forget(ctx, in.Node)
	if err != nil {
		return nil, call.WireError(err)
	}
	if !removed {
		return nil, api.Errorf(api.CodeFailedPrecondition, "node %s has joined again: it is not removed", in.Node)
	}
	adm.Log.Info("node removed by an operator", "removed", in.Node)
	return &api.NodeRemoveReply{Node: in.Node, Removed: true}, nil
}
