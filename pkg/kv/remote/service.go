// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/ryw"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Service serves a backend to any number of clients. For all of them together it holds at
// most about 256 MiB of commits and 256 MiB of answers to reads at a time, and 64 MiB of watches,
// 1,024 of one connection. Requests are checked: whatever a client sends, the backend gets only
// what a kv.Tx could have sent.
type Service struct {
	backend     ryw.Backend
	commitBytes *env.Semaphore
	readBytes   *env.Semaphore
	watches     watches
}

// Register adds the methods of a store to mux, served from backend, which must outlive the server.
func Register(mux *rpc.Mux, e env.Env, backend ryw.Backend) *Service {
	s := &Service{
		backend:     backend,
		commitBytes: env.NewSemaphore(e, commitBytesMax),
		readBytes:   env.NewSemaphore(e, readBytesMax),
	}
	s.watches.init(e)
	mux.Handle(methodReadVersion, s.readVersion)
	mux.Handle(methodGetAll, s.getAll)
	mux.Handle(methodRange, s.scan)
	mux.Handle(methodCommit, s.commit)
	mux.Handle(methodWatch, s.watch)
	mux.Handle(methodPin, s.pin)
	mux.Handle(methodUnpin, s.unpin)
	return s
}

// Close ends all watches and refuses new ones, so that rpc.Server.Close does not
// wait for them. Their clients get kv.ErrUnavailable. It does not block.
func (s *Service) Close() { s.watches.close() }

func malformed(err error) error {
	if _, ok := errors.AsType[*kv.Error](err); ok {
		return toWire(err)
	}
	return api.Errorf(api.CodeInvalidArgument, "malformed request to the store: %w", err)
}

func (s *Service) readVersion(ctx context.Context, req *rpc.Request) ([]byte, error) {
	priority, err := decodeNumber(req.Payload)
	if err == nil && (priority < 0 || priority > int64(kv.PriorityHigh)) {
		err = fmt.Errorf("unknown priority %d", priority)
	}
	if err != nil {
		return nil, malformed(err)
	}
	v, err := s.backend.ReadVersion(ctx, kv.Priority(priority))
	if err != nil {
		return nil, toWire(err)
	}
	return encodeNumber(int64(v)), nil
}

func (s *Service) getAll(ctx context.Context, req *rpc.Request) ([]byte, error) {
	r, err := decodeGetAllRequest(req.Payload)
	if err != nil {
		return nil, malformed(err)
	}
	cost := int64(len(r.keys)) * keyCost
	if err := s.readBytes.Acquire(ctx, cost); err != nil {
		return nil, err
	}
	defer s.readBytes.Release(cost)
	values, err := s.backend.GetAll(ctx, r.version, r.keys)
	if err != nil {
		return nil, toWire(err)
	}
	return appendBinaries(make([]byte, 0, headBytes+sizeOf(values)), values), nil
}

func (s *Service) scan(ctx context.Context, req *rpc.Request) ([]byte, error) {
	r, err := decodeRangeRequest(req.Payload)
	if err == nil {
		err = checkRange(r.begin, r.end)
	}
	if err != nil {
		return nil, malformed(err)
	}
	if err := s.readBytes.Acquire(ctx, pageCost); err != nil {
		return nil, err
	}
	defer s.readBytes.Release(pageCost)
	r.opt.BytesMax = min(cmp.Or(r.opt.BytesMax, kv.DefaultRangeBytes), pageBytesMax)
	pairs, more, err := s.backend.Range(ctx, r.version, r.begin, r.end, r.opt)
	if err != nil {
		return nil, toWire(err)
	}
	return page{pairs: pairs, more: more}.encode(), nil
}

func (s *Service) commit(ctx context.Context, req *rpc.Request) ([]byte, error) {
	size := int64(len(req.Payload))
	if !s.commitBytes.TryAcquire(size) {
		return nil, api.Errorf(api.CodeOverloaded, "the store has %d bytes of commits to decide", commitBytesMax)
	}
	defer s.commitBytes.Release(size)
	c, err := decodeCommit(req.Payload)
	if err == nil {
		err = checkCommit(c)
	}
	if err != nil {
		return nil, malformed(err)
	}
	committed, err := s.backend.Commit(ctx, c)
	if err != nil {
		return nil, toWire(commitError(err))
	}
	return encodeCommitted(committed), nil
}

func (s *Service) watch(ctx context.Context, req *rpc.Request) ([]byte, error) {
	r, err := decodeWatchRequest(req.Payload)
	if err != nil {
		return nil, malformed(err)
	}
	ctx, leave, err := s.watches.enter(ctx, req.Peer().Address, len(req.Payload))
	if err != nil {
		return nil, err
	}
	defer leave()
	w, err := s.backend.Watch(ctx, r.key, r.value, r.version)
	if err != nil {
		return nil, toWire(err)
	}
	defer w.Cancel()
	if err := w.Wait(ctx); err != nil {
		return nil, toWire(err)
	}
	return nil, nil
}
