// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// writeBytes and writeKeys are how much is written in one transaction: far less than the store takes.
	writeBytes = 1 << 20
	writeKeys  = 5_000
)

// Restore writes a backup into a store that is empty, or, with force, in place of what is there. It blocks until that
// is done or ctx ends. After an error the store is refused by nodes, and by a restore without force. Errors are
// CodeFailedPrecondition for a store that is not empty, or one of living nodes, CodeMismatch for a backup of another
// schema, CodeCorruptState for a damaged one, and those of the store and the file.
func Restore(ctx context.Context, e env.Env, store kv.Store, r *Reader, force bool, o Options) (Trailer, error) {
	if r.Header.Schema != registry.SchemaVersion {
		return Trailer{}, api.Errorf(api.CodeMismatch, "the backup has schema %d, this binary speaks %d: restore it "+
			"with kelpie %s, and migrate the store", r.Header.Schema, registry.SchemaVersion, r.Header.Version)
	}
	s := &restorer{env: e, store: store, registry: registry.New(e, store), options: &o}
	if err := s.clear(ctx, force); err != nil {
		return Trailer{}, err
	}
	if err := do(ctx, e, s.registry.BeginRestore); err != nil {
		return Trailer{}, err
	}
	for {
		pairs, err := r.Pairs()
		if err != nil {
			return s.written, err
		}
		if pairs == nil {
			break
		}
		for _, p := range pairs {
			if err := s.add(ctx, p); err != nil {
				return s.written, err
			}
		}
		o.tell(r.Seen())
	}
	if err := s.flush(ctx); err != nil {
		return s.written, err
	}
	m := registry.Meta{
		ClusterID: r.Header.ClusterID, Schema: r.Header.Schema,
		LeaseTTL:  time.Duration(r.Header.LeaseTTLMillis) * time.Millisecond,
		Heartbeat: time.Duration(r.Header.HeartbeatMillis) * time.Millisecond,
	}
	return s.written,
		do(ctx, e, func(ctx context.Context) error { return s.registry.EndRestore(ctx, m, s.sum) })
}

// restorer writes a backup into a store.
type restorer struct {
	env        env.Env
	store      kv.Store
	registry   *registry.Registry
	options    *Options
	batch      []kv.KeyValue
	batchBytes int
	// sum is what Restored has returned, as EndRestore takes it.
	sum     registry.Restoration
	written Trailer
}

// clear makes sure that the store is empty.
func (s *restorer) clear(ctx context.Context, force bool) error {
	first := func(ctx context.Context, tx kv.Reader) ([]kv.KeyValue, error) {
		pairs, _, err := tx.Range(ctx, nil, kv.KeySpaceEnd(), kv.RangeOptions{Limit: 1})
		return pairs, err
	}
	pairs, err := transact(ctx, &reading{env: s.env, store: s.store}, first)
	if err != nil || len(pairs) == 0 {
		return err
	}
	if !force {
		return api.Errorf(api.CodeFailedPrecondition, "the store is not empty: restore into another one, or give "+
			"--force to delete all that is in it")
	}
	living, err := s.registry.Living(ctx, func(m registry.Meta) error {
		return env.Sleep(s.env, ctx, 2*m.Heartbeat+time.Second)
	})
	if err != nil {
		return err
	}
	if living != "" {
		return api.Errorf(api.CodeFailedPrecondition, "node %s is alive in the store: stop all nodes first", living)
	}
	return s.commit(ctx, registry.ClearForRestore)
}

// add puts what is restored of a pair into the batch.
func (s *restorer) add(ctx context.Context, p kv.KeyValue) error {
	restored, err := registry.Restored(p, node.RestoredState)
	if err != nil {
		return err
	}
	s.sum.Unattended += restored.Unattended
	s.sum.Commits = max(s.sum.Commits, restored.Commits)
	s.sum.Tokens = max(s.sum.Tokens, restored.Tokens)
	for _, p := range restored.Pairs {
		s.batch = append(s.batch, p)
		s.batchBytes += len(p.Key) + len(p.Value)
	}
	if s.batchBytes >= writeBytes || len(s.batch) >= writeKeys {
		return s.flush(ctx)
	}
	return nil
}

func (s *restorer) flush(ctx context.Context) error {
	if len(s.batch) == 0 {
		return nil
	}
	err := s.commit(ctx, func(ctx context.Context, tx kv.Tx) error {
		registry.WriteRestored(tx, s.batch)
		return registry.WhileRestoring(ctx, tx)
	})
	s.written.Keys += int64(len(s.batch))
	s.written.Bytes += int64(s.batchBytes)
	s.batch, s.batchBytes = s.batch[:0], 0
	return err
}

// commit writes, again if it is unknown whether it was committed: only the restore writes, so it has the same effect.
func (s *restorer) commit(ctx context.Context, write func(ctx context.Context, tx kv.Tx) error) error {
	return do(ctx, s.env, func(ctx context.Context) error { return s.commitUntil(ctx, write) })
}

// commitUntil is tried until ctx ends.
func (s *restorer) commitUntil(ctx context.Context, write func(ctx context.Context, tx kv.Tx) error) error {
	for {
		once := func(ctx context.Context, tx kv.Tx) (struct{}, error) { return struct{}{}, write(ctx, tx) }
		_, err := kv.Transact(ctx, s.env, s.store, kv.TxOptions{}, once)
		if err == nil || kv.NeverCommitted(err) || ctx.Err() != nil {
			return err
		}
	}
}
