// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/codec"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// TestACallIsWrittenAsItsTypesAre shows that a request goes to the actor as the types of its method have it, and that
// the reply is printed so: unless no node knows them, or the reply needs none.
func TestACallIsWrittenAsItsTypesAre(t *testing.T) {
	wait := reflect.TypeFor[time.Duration]()
	var converted int
	var failReply bool
	addr := fakeNode(t, func(mux *rpc.Mux) {
		handleInfo(mux)
		convert := func(_ context.Context, in *api.ConvertRequest) (*api.ConvertReply, error) {
			converted++
			switch {
			case in.Namespace == "away":
				return nil, api.Errorf(api.CodeUnavailable, "it is away")
			case in.Method == "plain":
				return &api.ConvertReply{Plain: true, Request: in.Request}, nil
			case in.Reply != nil && failReply:
				return nil, api.Errorf(api.CodeUnavailable, "it is away now")
			case in.Reply != nil:
				text, err := codec.ToJSON(wait, in.Reply)
				return &api.ConvertReply{Reply: text}, err
			case in.Request == nil:
				return &api.ConvertReply{}, nil
			}
			body, err := codec.FromJSON(in.Method, wait, in.Request)
			return &api.ConvertReply{Request: body}, err
		}
		rpc.HandleTyped(mux, api.MethodConvert, convert)
		mux.Handle(api.MethodInvoke, func(_ context.Context, r *rpc.Request) ([]byte, error) {
			req, err := api.DecodeInvokeRequest(r.Payload)
			if err != nil {
				return nil, err
			}
			var d time.Duration
			if len(req.Body) > 1 {
				err = actor.Unmarshal(req.Body, &d)
			}
			reply := api.InvokeReply{}
			if err == nil {
				reply.Body, err = actor.Marshal(2 * d)
			}
			return reply.AppendTo(nil), err
		})
	})
	call := func(args ...string) result {
		return terminal{}.run(append([]string{"actors", "call", "--addr", addr}, args...)...)
	}
	call("w/a", "twice", `"1m30s"`).wants(t, cli.ExitOK, "\"3m0s\"\n")
	call("w/a", "twice", `90000000000`).wants(t, cli.ExitOK, "\"3m0s\"\n")
	call("w/a", "twice").wants(t, cli.ExitOK, "\"0s\"\n")
	call("w/a", "twice", `"abc"`).wants(t, cli.ExitUsage, `twice wants a duration such as 1m30s, got "abc"`)
	call("away/a", "twice", `"1m"`).wants(t, cli.ExitUnavailable, "it is away")
	converted = 0
	call("w/a", "plain").wants(t, cli.ExitOK, "0\n")
	if converted != 1 {
		t.Errorf("a reply that needs no types was converted: %d conversions", converted)
	}
	failReply = true
	call("w/a", "twice", `"1m30s"`).wants(t, cli.ExitOK, "180000000000\n", "the call has succeeded", "it is away now")
}
