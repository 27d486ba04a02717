// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// FuzzNodeFilter takes any text for the flags that select nodes. What is taken selects a node that is like it, and none
// that lacks it.
func FuzzNodeFilter(f *testing.F) {
	f.Add("active", "eu", "disk=ssd")
	f.Add("", "", "")
	f.Add("none", "=", "a=b=c")
	f.Fuzz(func(t *testing.T, state, zone, label string) {
		filter := nodeFilter{states: []string{state}, zone: zone, labels: []string{label}}
		if err := filter.validate(); err != nil {
			if api.CodeOf(err) != api.CodeInvalidArgument {
				t.Fatal(err)
			}
			return
		}
		like := api.NodeRow{State: state, Zone: zone, Labels: []string{"a=b", label}}
		if !filter.selects(&like) {
			t.Fatalf("%+v does not select %+v", filter, like)
		}
		if unlike := (api.NodeRow{State: state, Zone: zone}); filter.selects(&unlike) {
			t.Fatalf("%+v selects %+v", filter, unlike)
		}
	})
}
