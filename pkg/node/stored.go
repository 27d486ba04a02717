// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/state"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// RestoredState is a registry.StateRestorer for what actors store.
func RestoredState(id api.ActorID, key, value []byte) (registry.RestoredPart, error) {
	return state.Restored(id, key, value)
}

// CheckState reads all that is stored as an actor's state, in order of key, and returns when the actor has something
// to do, in milliseconds since 1970 and 0 for never. It does not know the actor's kind, and so not what is in the
// state struct. Errors are CodeCorruptState.
func CheckState(id api.ActorID, entries []registry.Entry) (due int64, err error) {
	return state.Check(id, entries)
}
