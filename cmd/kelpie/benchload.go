// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"maps"
	"slices"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/bench"
)

// benchLoad is how a namespace of the stock binary is called.
type benchLoad struct {
	// mix is the one of who asks for none.
	mix string
	// requests make a method's request, given the payload.
	requests map[string]func(payload []byte) any
	// sized are the methods that send the payload.
	sized []string
}

// benchKey is the key that is written and read in actors of kv.
const benchKey = "bench"

var benchLoads = map[string]benchLoad{
	"counter": {
		mix: "add=80,get=20",
		requests: map[string]func([]byte) any{
			"add": func([]byte) any { return 1 },
			"get": func([]byte) any { return struct{}{} },
		},
	},
	"echo": {
		mix:      "echo=1",
		requests: map[string]func([]byte) any{"echo": func(payload []byte) any { return payload }},
		sized:    []string{"echo"},
	},
	"kv": {
		mix: "put=50,get=50",
		requests: map[string]func([]byte) any{
			"put":    func(payload []byte) any { return kvPair{benchKey, payload} },
			"get":    func([]byte) any { return benchKey },
			"delete": func([]byte) any { return benchKey },
			"list":   func([]byte) any { return kvListRequest{Limit: 1} },
		},
		sized: []string{"put"},
	},
}

// benchNamespaces are the keys of benchLoads.
func benchNamespaces() []string { return slices.Sorted(maps.Keys(benchLoads)) }

// mixOf returns a mix, the namespace's own if text is empty, with its requests. sized says that the payload was asked
// for. Errors are CodeInvalidArgument.
func mixOf(namespace, text string, payloadBytes int, sized bool) (bench.Mix, error) {
	load, ok := benchLoads[namespace]
	if !ok {
		return nil, api.Errorf(api.CodeInvalidArgument, "--namespace %q: must be one of %s; bench does not know "+
			"the requests of others",
			namespace, strings.Join(benchNamespaces(), ", "))
	}
	if text == "" {
		text = load.mix
	}
	mix, err := bench.ParseMix(text)
	if err != nil {
		return nil, err
	}
	if err := checkPayload(payloadBytes); err != nil {
		return nil, err
	}
	payload := make([]byte, payloadBytes)
	rand.Read(payload) // so that a store can't compress it; never fails
	carried := false
	for i, s := range mix {
		request, ok := load.requests[s.Method]
		if !ok {
			return nil, api.Errorf(api.CodeInvalidArgument, "--mix: %s has no method %q: its methods are %s",
				namespace, s.Method, strings.Join(slices.Sorted(maps.Keys(load.requests)), ", "))
		}
		if mix[i].Request, err = benchRequest(s.Method, request(payload)); err != nil {
			return nil, err
		}
		carried = carried || slices.Contains(load.sized, s.Method)
	}
	if sized && !carried {
		return nil, api.Errorf(api.CodeInvalidArgument, "--payload %d: no method of %s=%s sends a payload; use "+
			"put of kv or echo of echo", payloadBytes, namespace, mix)
	}
	return mix, nil
}

func checkPayload(payloadBytes int) error {
	if payloadBytes < 0 || payloadBytes > api.PayloadBytesMax {
		return api.Errorf(api.CodeInvalidArgument, "--payload %d: must be from 0 to %d bytes", payloadBytes,
			api.PayloadBytesMax)
	}
	return nil
}

func benchRequest(method string, v any) ([]byte, error) {
	request, err := actor.Marshal(v)
	if err == nil && len(request) > api.PayloadBytesMax {
		err = api.Errorf(api.CodeInvalidArgument, "--payload: a request of %s would have %d bytes with its "+
			"envelope; a call carries at most %d", method, len(request), api.PayloadBytesMax)
	}
	return request, err
}
