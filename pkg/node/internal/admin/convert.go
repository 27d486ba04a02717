// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"reflect"

	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// ServeConvert converts a request that a person has written, and a reply or a state for one to read, by the types of
// this node's program, or else of one that hosts the namespace. It does not look at the actor. If the kind does not
// have the method, the types are any: the call says what is wrong.
func (adm *Service) ServeConvert(ctx context.Context, in *api.ConvertRequest) (*api.ConvertReply, error) {
	if err := api.ValidateNamespace(in.Namespace); err != nil {
		return nil, err
	}
	spec := adm.Kinds[in.Namespace]
	switch {
	case spec == nil && in.Here:
		return nil, errNotHosted(in.Namespace)
	case spec == nil:
		there := *in
		there.Here = true
		return askHost[api.ConvertRequest, api.ConvertReply](ctx, adm, in.Namespace, api.MethodConvert, &there)
	}
	var request, reply reflect.Type
	if m := spec.Methods[in.Method]; m != nil {
		request, reply = m.Request, m.Reply
	}
	out := &api.ConvertReply{Node: adm.NodeID, Plain: codec.Plain(reply)}
	var err error
	if len(in.Request) > 0 {
		if out.Request, err = codec.FromJSON(in.Method, request, in.Request); err != nil {
			return nil, api.Errorf(api.CodeInvalidArgument, "%s", api.ErrorFrom(err).Message)
		}
	}
	if len(in.Reply) > 0 {
		if out.Reply, err = codec.ToJSON(reply, in.Reply); err != nil {
			return nil, api.Errorf(api.CodeInvalidArgument, "the reply of %s: %v", in.Method, err)
		}
	}
	if len(in.State) > 0 {
		if out.State, err = codec.ToJSON(stateType(spec), in.State); err != nil {
			return nil, api.Errorf(api.CodeInvalidArgument, "the state: %v", err)
		}
	}
	return out, nil
}

// stateType is the type of a kind's state, nil for any if the kind has none.
func stateType(spec *kind.Spec) reflect.Type {
	if spec.NewState == nil {
		return nil
	}
	return reflect.TypeOf(spec.NewState())
}
