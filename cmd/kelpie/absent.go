// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"

	"github.com/kelpiehq/kelpie/pkg/api"
)

func errNoNamespace(name string) error {
	return api.Errorf(api.CodeNotFound, "no namespace is named %q: the cluster knows a namespace once a node "+
		"that hosts it has joined; see 'kelpie namespaces ls'", name)
}

// namespaceNamed returns a namespace's row. One that the cluster does not know is CodeNotFound.
func namespaceNamed(ctx context.Context, s *session, name string) (*api.NamespaceRow, error) {
	all, err := allNamespaces(ctx, s)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(r api.NamespaceRow) bool { return r.Namespace == name })
	if i < 0 {
		return nil, errNoNamespace(name)
	}
	return &all[i], nil
}

// wantCalled fails with CodeNotFound for an actor that was never called, or whose namespace the cluster does not know.
func wantCalled(ctx context.Context, s *session, actor string) error {
	row, err := ask[api.ActorGetRequest, api.ActorRow](ctx, s, api.MethodActorGet, &api.ActorGetRequest{Actor: actor})
	if err != nil || row.State != api.ActorUnknown {
		return err
	}
	return errNeverCalled(ctx, s, actor)
}

// errNeverCalled says what is missing of an actor that has no record: its namespace, or a first call.
func errNeverCalled(ctx context.Context, s *session, actor string) error {
	id, err := api.ParseActorID(actor)
	if err != nil {
		return err
	}
	if _, err := namespaceNamed(ctx, s, id.Namespace); err != nil {
		return err
	}
	return api.Errorf(api.CodeNotFound, "actor %s was never called; 'kelpie actors ls --namespace %s' lists those "+
		"that were", actor, id.Namespace)
}

// orNeverCalled is err, unless it is there because nothing is known of the actor.
func orNeverCalled(ctx context.Context, s *session, actor string, err error) error {
	if api.CodeOf(err) != api.CodeFailedPrecondition {
		return err
	}
	if missing := absent(wantCalled(ctx, s, actor)); missing != nil {
		return missing
	}
	return err
}

// absent is err if it says that something is not there. Any other failure to look is left to the command itself,
// which meets it again.
func absent(err error) error {
	if api.CodeOf(err) == api.CodeNotFound {
		return err
	}
	return nil
}

// askableAbout is askable about what exists checks: something that is not there is said instead.
func (k *kelpie) askableAbout(yes bool, exists func() error) error {
	err := k.askable(yes)
	if err == nil {
		return nil
	}
	if missing := absent(exists()); missing != nil {
		return missing
	}
	return err
}
