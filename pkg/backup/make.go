// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"io"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// Options are how a backup is made or restored.
type Options struct {
	// Version is that of the program, for the header.
	Version string
	// Progress, if not nil, is told how far it has come.
	Progress func(Trailer)
}

func (o *Options) tell(t Trailer) {
	if o.Progress != nil {
		o.Progress(t)
	}
}

// Make writes a backup of the cluster in a store. It blocks until that is done or ctx ends; the store goes on
// serving. What was written before an error is no backup, and is refused as one. Errors are CodeNotFound for a store
// without a cluster, those of the store, and those of w.
func Make(ctx context.Context, e env.Env, store kv.Store, w io.Writer, o Options) (Header, Trailer, error) {
	m, err := within(ctx, e, registry.New(e, store).Meta)
	switch {
	case err != nil:
		return Header{}, Trailer{}, err
	case m.ClusterID == "":
		return Header{}, Trailer{}, api.Errorf(api.CodeNotFound, "the store holds no cluster to back up")
	case m.Schema == registry.SchemaRestoring:
		return Header{}, Trailer{}, api.Errorf(api.CodeFailedPrecondition, "the store holds an unfinished "+
			"restore; finish it with 'kelpie store restore --force' first")
	}
	h := Header{
		ClusterID: m.ClusterID, Schema: m.Schema, Consistency: PerActor, Made: e.Now().UTC().Format(time.RFC3339),
		Version:        o.Version,
		LeaseTTLMillis: m.LeaseTTL.Milliseconds(), HeartbeatMillis: m.Heartbeat.Milliseconds(),
	}
	pinner, pins := store.(kv.Pinner)
	if pins {
		h.Consistency = Snapshot
	}
	out, err := newWriter(w, h)
	if err != nil {
		return h, Trailer{}, err
	}
	b := &maker{env: e, store: store, out: out, options: &o}
	if pins {
		err = b.snapshot(ctx, pinner)
	} else {
		err = b.perActor(ctx)
	}
	if err == nil {
		err = out.end()
	}
	return h, out.trailer, err
}

// maker makes a backup.
type maker struct {
	env     env.Env
	store   kv.Store
	out     *writer
	options *Options
}

// snapshot copies all keys as they were at one version.
func (b *maker) snapshot(ctx context.Context, pinner kv.Pinner) error {
	r := &reading{env: b.env, store: b.store}
	if err := r.pin(ctx, pinner); err != nil {
		return err
	}
	defer r.unpin(ctx)
	return r.each(ctx, func(pairs []kv.KeyValue) error {
		b.options.tell(b.out.trailer)
		return b.out.pairs(registry.ForBackup(pairs))
	})
}

// perActor copies what belongs to each actor in a transaction of its own, after what belongs to none.
func (b *maker) perActor(ctx context.Context) error {
	reg := registry.New(b.env, b.store)
	pairs, err := within(ctx, b.env, reg.CommonPairs)
	if err == nil {
		err = b.out.pairs(pairs)
	}
	for after := (api.ActorID{}); err == nil; {
		var claims []registry.ClaimInfo
		var more bool
		err = do(ctx, b.env, func(ctx context.Context) (err error) {
			claims, more, err = reg.Claims(ctx, "", "", after, 0)
			return err
		})
		if err != nil {
			return err
		}
		for _, c := range claims {
			after = c.Actor
			pairs, err = within(ctx, b.env, func(ctx context.Context) ([]kv.KeyValue, error) {
				return reg.ActorPairs(ctx, c.Actor)
			})
			if err != nil {
				return err
			}
			if err = b.out.pairs(pairs); err != nil {
				return err
			}
			b.options.tell(b.out.trailer)
		}
		if !more || len(claims) == 0 {
			return nil
		}
	}
	return err
}
