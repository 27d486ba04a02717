// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"slices"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// ServeDescribe says which methods a kind has: of this node's program, or else of one that hosts it.
func (adm *Service) ServeDescribe(ctx context.Context, in *api.DescribeRequest) (*api.DescribeReply, error) {
	if err := api.ValidateNamespace(in.Namespace); err != nil {
		return nil, err
	}
	if spec := adm.Kinds[in.Namespace]; spec != nil {
		methods, err := describe(spec)
		return &api.DescribeReply{Node: adm.NodeID, Methods: methods}, err
	}
	if in.Here {
		return nil, errNotHosted(in.Namespace)
	}
	return askHost[api.DescribeRequest, api.DescribeReply](ctx, adm, in.Namespace, api.MethodDescribe,
		&api.DescribeRequest{Namespace: in.Namespace, Here: true})
}

// askHost asks the nodes that host a namespace about its kind, one after the other until one can tell.
func askHost[Req, Resp any](ctx context.Context, adm *Service, namespace, method string, req *Req) (*Resp, error) {
	failed := errNotHosted(namespace)
	view := adm.Members.Members()
	hosts := view.Hosts(namespace)
	for _, node := range view.Nodes {
		if !slices.Contains(hosts, node.ID) {
			continue
		}
		reply, err := rpc.CallTyped[Req, Resp](ctx, adm.Pool, node.Address, method, req)
		if err == nil || ctx.Err() != nil || api.CodeOf(err) == api.CodeInvalidArgument {
			return reply, err
		}
		if api.CodeOf(err) == api.CodeUnknownMethod {
			failed = err // of an earlier version
		}
		adm.Log.Debug("kind not described", "namespace", namespace, "node", node.ID, "error", err)
	}
	return nil, failed
}

func errNotHosted(namespace string) error {
	return api.Errorf(api.CodeUnknownNamespace, "no node that answers hosts namespace %q: see "+
		"'kelpie namespaces ls'", namespace)
}

// describe returns the methods of a kind, in order of name.
func describe(spec *kind.Spec) (rows []api.MethodRow, err error) {
	for _, name := range spec.Names() {
		m := spec.Methods[name]
		row := api.MethodRow{Method: name, Reads: m.ReadOnly}
		if row.Request, err = codec.Schema(m.Request); err != nil {
			return nil, err
		}
		if row.Reply, err = codec.Schema(m.Reply); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}
