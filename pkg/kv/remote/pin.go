// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"errors"

	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

var _ kv.Pinner = (*store)(nil)

var errNoPins = errors.New("the store can't keep a version readable")

func (s *Service) pin(ctx context.Context, req *rpc.Request) ([]byte, error) {
	v, err := decodeNumber(req.Payload)
	if err != nil {
		return nil, malformed(err)
	}
	p, ok := s.backend.(kv.Pinner)
	if !ok {
		return nil, toWire(kv.ErrUnavailable.With(errNoPins))
	}
	pinned, err := s.pins.pin(ctx, holderOf(req), kv.Version(v), p)
	if err != nil {
		return nil, toWire(err)
	}
	return encodeNumber(int64(pinned)), nil
}

func (s *Service) unpin(ctx context.Context, req *rpc.Request) ([]byte, error) {
	v, err := decodeNumber(req.Payload)
	if err != nil {
		return nil, malformed(err)
	}
	if p, ok := s.backend.(kv.Pinner); ok {
		err = s.pins.unpin(ctx, holderOf(req), kv.Version(v), p)
	}
	if err != nil {
		return nil, toWire(err)
	}
	return nil, nil
}

// Pin implements kv.Pinner.
func (s *store) Pin(ctx context.Context, v kv.Version) (kv.Version, error) {
	b := backend{client: s.client, class: rpc.ClassCall}
	answer, err := b.read(ctx, methodPin, encodeNumber(int64(v)))
	if err != nil {
		return 0, err
	}
	n, err := decodeNumber(answer)
	if err != nil {
		return 0, readError(err)
	}
	return kv.Version(n), nil
}

// Unpin implements kv.Pinner.
func (s *store) Unpin(ctx context.Context, v kv.Version) error {
	b := backend{client: s.client, class: rpc.ClassCall}
	_, err := b.read(ctx, methodUnpin, encodeNumber(int64(v)))
	return err
}
