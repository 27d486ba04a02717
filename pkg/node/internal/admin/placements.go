// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"context"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// ServePlacements counts claims, up to actorPagesMax pages of them; the caller asks for the rest. It holds one page
// at a time in memory, and the counts, of which there are as many as nodes and namespaces.
func (adm *Service) ServePlacements(ctx context.Context, in *api.PlacementsRequest) (*api.PlacementsReply, error) {
	var after api.ActorID
	if in.After != "" {
		var err error
		if after, err = api.ParseActorID(in.After); err != nil {
			return nil, err
		}
	}
	counts := make(map[placement]*api.PlacementRow)
	more := true
	for range actorPagesMax {
		var claims []registry.ClaimInfo
		var err error
		if claims, more, err = adm.Registry.Claims(ctx, in.Namespace, "", after, 0); err != nil {
			return nil, call.WireError(err)
		}
		for i := range claims {
			countClaim(counts, &claims[i], in.Node)
			after = claims[i].Actor
		}
		if more = more && len(claims) > 0; !more {
			break
		}
	}
	out := &api.PlacementsReply{Placements: make([]api.PlacementRow, 0, len(counts))}
	for _, row := range counts { //kelpie:unordered sorted below
		out.Placements = append(out.Placements, *row)
	}
	slices.SortFunc(out.Placements, func(a, b api.PlacementRow) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Node, b.Node))
	})
	if more {
		out.Next = after.String()
	}
	return out, nil
}

// placement is what claims are counted by.
type placement struct{ namespace, node string }

// countClaim counts a claim that somebody has: the node named, if one is.
func countClaim(counts map[placement]*api.PlacementRow, c *registry.ClaimInfo, node string) {
	if c.Owner.Node == "" || node != "" && c.Owner.Node != node {
		return
	}
	at := placement{c.Actor.Namespace, c.Owner.Node}
	row := counts[at]
	if row == nil {
		row = &api.PlacementRow{Namespace: at.namespace, Node: at.node}
		counts[at] = row
	}
	row.Actors++
	if !c.Owner.Current {
		row.Orphaned++
	}
}
