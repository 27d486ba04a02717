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
// is done or ctx ends; a batch that can't be written is given up after a minute, with the reason. After an error the
// store is refused by nodes, and by a restore without force. Errors are CodeFailedPrecondition for a store that is not
// empty, or one of living nodes, and when another restore has begun meanwhile, which then has the store; CodeMismatch
// for a backup of another schema, CodeCorruptState for a damaged one, and those of the store and the file.
func Restore(ctx context.Context, e env.Env, store kv.Store, r *Reader, force bool, o Options) (Trailer, error) {
	if err := checkSchema(r.Header); err != nil {
		return Trailer{}, err
	}
	s := &restorer{env: e, registry: registry.New(e, store), options: &o}
	if err := s.begin(ctx, force); err != nil {
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
		do(ctx, e, func(ctx context.Context) error { return s.restoring.End(ctx, m, s.sum) })
}

// checkSchema returns CodeMismatch for a backup that this version can't restore. The version in the header is that of
// the program that made the backup, which need not be the one that the cluster ran.
func checkSchema(h Header) error {
	switch {
	case h.Schema == registry.SchemaVersion:
		return nil
	case h.Schema > registry.SchemaVersion:
		return api.Errorf(api.CodeMismatch, "the backup has schema %d, of a later kelpie; this binary speaks %d: "+
			"restore it with the version that the cluster ran", h.Schema, registry.SchemaVersion)
	}
	return api.Errorf(api.CodeMismatch, "the backup has schema %d, of an earlier kelpie; this binary speaks %d: "+
		"restore it with the version that the cluster ran, then run \"kelpie store migrate\" of this version on "+
		"the store",
		h.Schema, registry.SchemaVersion)
}

// restorer writes a backup into a store.
type restorer struct {
	env        env.Env
	registry   *registry.Registry
	restoring  *registry.Restoring
	options    *Options
	batch      []kv.KeyValue
	batchBytes int
	// sum is what Restored has returned, as EndRestore takes it.
	sum     registry.Restoration
	written Trailer
}

// begin takes over the store, if it is empty or its contents are to be deleted.
func (s *restorer) begin(ctx context.Context, force bool) (err error) {
	if force {
		living, err := s.registry.Living(ctx, func(m registry.Meta) error {
			return env.Sleep(s.env, ctx, 2*m.Heartbeat+time.Second)
		})
		if err != nil {
			return err
		}
		if living != "" {
			return api.Errorf(api.CodeFailedPrecondition, "node %s is alive in the store: stop all nodes first", living)
		}
	}
	s.restoring, err = within(ctx, s.env, func(ctx context.Context) (*registry.Restoring, error) {
		return s.registry.BeginRestore(ctx, force)
	})
	return err
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
	err := do(ctx, s.env, func(ctx context.Context) error { return s.restoring.Write(ctx, s.batch) })
	if err != nil {
		return err
	}
	s.written.Keys += int64(len(s.batch))
	s.written.Bytes += int64(s.batchBytes)
	s.batch, s.batchBytes = s.batch[:0], 0
	return nil
}
