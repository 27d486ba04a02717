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

// Service serves a backend to any number of clients, which it checks: whatever one sends, the backend gets only what
// a kv.Tx could have sent. What it holds for them is bounded, for each connection and for all together, so that no
// client starves the others: see quota, and limits.go for the numbers.
//
//   - Requests count from when they are read, before the next one is, until they are answered. One for which there
//     is no room is refused, and sent again by its client.
//   - Answers to reads count, as the largest that they may be, from before the backend is asked until they are on
//     the network, as what they are. A read waits for room.
//   - Watches count until they end, versions that are pinned until they expire.
type Service struct {
	env      env.Env
	backend  ryw.Backend
	requests *quota // bytes
	answers  *quota // bytes
	watches  *quota // bytes
	pins     *pins

	// life ends with the service, and the watches with it.
	life context.Context
	end  context.CancelCauseFunc
}

// Register adds the methods of a store to mux, served from backend, which must outlive the server.
func Register(mux *rpc.Mux, e env.Env, backend ryw.Backend) *Service {
	s := &Service{
		env:      e,
		backend:  backend,
		requests: newQuota(e, requestBytesMax, requestBytesShare),
		answers:  newQuota(e, answerBytesMax, answerBytesShare),
		watches:  newQuota(e, watchBytesMax, watchBytesShare),
		pins:     newPins(e),
	}
	s.life, s.end = env.WithCancelCause(context.Background())
	s.handle(mux, methodReadVersion, s.requests, 0, s.readVersion)
	s.handle(mux, methodGetAll, s.requests, 0, s.getAll(at))
	s.handle(mux, methodRange, s.requests, 0, s.scan(at))
	s.handle(mux, methodBeginGetAll, s.requests, 0, s.getAll(s.begin))
	s.handle(mux, methodBeginRange, s.requests, 0, s.scan(s.begin))
	s.handle(mux, methodCommit, s.requests, 0, s.commit)
	s.handle(mux, methodPin, s.requests, 0, s.pin)
	s.handle(mux, methodUnpin, s.requests, 0, s.unpin)
	s.handle(mux, methodWatch, s.watches, watchCost, s.watch)
	return s
}

// Close ends all watches and refuses new ones, so that rpc.Server.Close does not
// wait for them. Their clients get kv.ErrUnavailable. It does not block.
func (s *Service) Close() {
	s.end(kv.ErrUnavailable)
	s.pins.close()
}

// handle registers a method. What a request is, but costMin at least, is taken from a quota on the task that reads the
// connection, before the next request is read.
func (s *Service) handle(mux *rpc.Mux, method string, q *quota, costMin int, h rpc.Handler) {
	mux.HandleAsync(method, func(req *rpc.Request) {
		who, cost := holderOf(req), int64(max(len(req.Payload), costMin))
		if !q.try(who, cost) {
			req.Reply(nil, api.Errorf(api.CodeOverloaded, "the store has no room for more requests of this "+
				"connection; retry later"))
			return
		}
		s.env.Go(method, func() {
			answer, err := h(req.Context(), req)
			q.give(who, cost) // first: who has the answer may send as much again
			req.Reply(answer, err)
		})
	})
}

// answering waits for room for an answer of at most the given number of bytes, and returns what f's answer leaves of
// it. The rest is
// given back when the answer has left.
func (s *Service) answering(ctx context.Context, req *rpc.Request, bytesMax int, f func() ([]byte, error)) (
	[]byte, error) {
	who := holderOf(req)
	if err := s.answers.wait(ctx, who, int64(bytesMax)); err != nil {
		return nil, err
	}
	answer, err := f()
	held := int64(min(len(answer), bytesMax))
	s.answers.give(who, int64(bytesMax)-held)
	if held > 0 {
		req.OnLeft(func() { s.answers.give(who, held) })
	}
	return answer, err
}

func malformed(err error) error {
	if _, ok := errors.AsType[*kv.Error](err); ok {
		return toWire(err)
	}
	return api.Errorf(api.CodeInvalidArgument, "malformed request to the store: %w", err)
}

func (s *Service) readVersion(ctx context.Context, req *rpc.Request) ([]byte, error) {
	priority, err := decodeNumber(req.Payload)
	if err != nil {
		return nil, malformed(err)
	}
	_, answer, err := s.begin(ctx, kv.Version(priority))
	return answer, err
}

// beginFunc returns the version to read at, and what its answer begins with. n is the number in the place of the
// version in the request.
type beginFunc func(ctx context.Context, n kv.Version) (v kv.Version, head []byte, err error)

// at is for reads at a version that is known.
func at(_ context.Context, v kv.Version) (kv.Version, []byte, error) { return v, nil, nil }

// begin is for those at a new one, with which the answer begins. They have a priority in its place.
func (s *Service) begin(ctx context.Context, priority kv.Version) (kv.Version, []byte, error) {
	if priority < 0 || priority > kv.Version(kv.PriorityHigh) {
		return 0, nil, malformed(fmt.Errorf("unknown priority %d", priority))
	}
	v, err := s.backend.ReadVersion(ctx, kv.Priority(priority))
	if err != nil {
		return 0, nil, toWire(err)
	}
	return v, encodeNumber(int64(v)), nil
}

func (s *Service) getAll(begin beginFunc) rpc.Handler {
	return func(ctx context.Context, req *rpc.Request) ([]byte, error) {
		r, err := decodeGetAllRequest(req.Payload)
		if err != nil {
			return nil, malformed(err)
		}
		return s.answering(ctx, req, headBytes+len(r.keys)*valueCost, func() ([]byte, error) {
			v, head, err := begin(ctx, r.version)
			if err != nil {
				return nil, err
			}
			values, err := s.backend.GetAll(ctx, v, r.keys)
			if err != nil {
				return nil, toWire(err)
			}
			answer := append(make([]byte, 0, headBytes+sizeOf(values)), head...)
			return appendBinaries(answer, values), nil
		})
	}
}

func (s *Service) scan(begin beginFunc) rpc.Handler {
	return func(ctx context.Context, req *rpc.Request) ([]byte, error) {
		r, err := decodeRangeRequest(req.Payload)
		if err == nil {
			err = checkRange(r.begin, r.end)
		}
		if err != nil {
			return nil, malformed(err)
		}
		r.opt.BytesMax = min(cmp.Or(r.opt.BytesMax, kv.DefaultRangeBytes), pageBytesMax)
		r.opt.Limit = min(cmp.Or(r.opt.Limit, pagePairsMax), pagePairsMax)
		return s.answering(ctx, req, pageCost(r.opt), func() ([]byte, error) {
			v, head, err := begin(ctx, r.version)
			if err != nil {
				return nil, err
			}
			pairs, more, err := s.backend.Range(ctx, v, r.begin, r.end, r.opt)
			if err != nil {
				return nil, toWire(err)
			}
			return page{pairs: pairs, more: more}.encode(head), nil
		})
	}
}

func (s *Service) commit(ctx context.Context, req *rpc.Request) ([]byte, error) {
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
	ctx, cancel := env.WithCancelCause(ctx)
	defer cancel(nil)
	stop := env.OnDone(s.life, func() { cancel(kv.ErrUnavailable) })
	defer stop()
	if s.life.Err() != nil {
		return nil, toWire(kv.ErrUnavailable)
	}
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
