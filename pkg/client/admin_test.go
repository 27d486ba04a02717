// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
)

func (t *fixture) namespaces() (*api.NamespacesReply, error) {
	return client.Admin[api.Empty, api.NamespacesReply](context.Background(), t.client, api.MethodNamespaces,
		&api.Empty{})
}

func TestAdminAsksUntilANodeAnswers(t *testing.T) {
	both(t, func(t *fixture) {
		t.admin = func(node string) error {
			if node == "a" {
				return api.Errorf(api.CodeUnavailable, "joining")
			}
			return nil
		}
		if _, err := t.namespaces(); err != nil {
			t.Fatal(err)
		}
		t.wantCalls("a", "b")
	})
}

func TestAdminSaysOfEachAddressWhyItFailed(t *testing.T) {
	both(t, func(t *fixture) {
		t.network.Cut("b")
		t.admin = func(string) error { return api.Errorf(api.CodeUnavailable, "joining") }
		_, err := t.namespaces()
		if api.CodeOf(err) != api.CodeUnavailable {
			t.Fatal(err)
		}
		for _, want := range []string{"a:1", "joining", "b:1", "refused"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not say %q", err, want)
			}
			if want != "b:1" && strings.Count(err.Error(), want) != 1 { // the cause names it too
				t.Errorf("%v says %q more than once", err, want)
			}
		}
		t.wantCalls("a")
	})
}

func TestAdminSaysWhichAddressIsSilent(t *testing.T) {
	simulated(t, func(t *fixture) {
		t.admin = func(string) error { return nil }
		t.network.Partition("client", "a")
		ctx, cancel := env.WithTimeout(t.env, context.Background(), time.Second)
		defer cancel()
		_, err := client.Admin[api.Empty, api.NamespacesReply](ctx, t.client, api.MethodNamespaces, &api.Empty{})
		if api.CodeOf(err) != api.CodeUnavailable || !strings.Contains(err.Error(), "a:1") ||
			strings.Contains(err.Error(), "b:1") {
			t.Error(err)
		}
	})
}

func TestAdminDoesNotRepeatWhatMayHaveBeenDone(t *testing.T) {
	for _, code := range []api.Code{api.CodeUnknown, api.CodeNotFound, api.CodePermissionDenied} {
		both(t, func(t *fixture) {
			t.admin = func(string) error { return api.Errorf(code, "no") }
			if _, err := t.namespaces(); api.CodeOf(err) != code {
				t.Fatal(err)
			}
			t.wantCalls("a")
		})
	}
}
