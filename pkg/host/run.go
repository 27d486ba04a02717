// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// Run runs a node that hosts the kinds, until it is asked to stop or ends by itself. The first signal, or the end of
// ctx, stops it gracefully: it moves its actors to other nodes, for as long as DrainTimeout says, and stops within
// another 8 s. SIGINT after that stops it at once (ErrInterrupted); more of SIGTERM change nothing. version is
// the program's, for people. It blocks.
// Errors are for people (see PrintError).
func Run(ctx context.Context, p cli.Process, o Options, version string, kinds ...actor.Kind) error {
	if err := o.validate(); err != nil {
		return err
	}
	w := newWorld(o.Log.logger(p.Stderr))
	in, unlisten := listen(ctx, p)
	defer unlisten()
	err := runNode(w, in, p, &o, version, kinds)
	if in.graceful.Err() != nil && (errors.Is(err, context.Canceled) || api.CodeOf(err) == api.CodeCancelled) {
		return nil // stopped, as asked, before it served
	}
	return err
}

func runNode(w world, in interrupts, p cli.Process, o *Options, version string, kinds []actor.Kind) (err error) {
	pl, err := findPlace(in.graceful, w, p, o)
	if err != nil {
		return err
	}
	s, err := openStore(in.graceful, w, pl.store, storeOptions{dataDir: pl.dir, onFull: o.OnFull})
	if err != nil {
		return err
	}
	defer func() { err = s.closeAfter(w, err) }()
	if err := pl.claimDir(); err != nil {
		return err
	}
	mux := rpc.NewMux()
	s.register(w, mux)
	transport := &listenTransport{Transport: w.transport, log: w.log, advertised: o.Advertise != ""}
	n, err := node.New(node.Config{
		Env: w.env, Store: s, StoreURL: s.joinerURL(), Transport: transport, Mux: mux,
		NodeID: pl.Node, Listen: o.Listen, Advertise: o.Advertise, ClusterID: pl.ClusterID, Version: version,
		Kinds: kinds, Capacity: o.Capacity, Zone: o.Zone, Labels: o.Labels, MemoryLimit: int64(o.MemoryLimit),
		MaxCalls: o.MaxCalls, CheckReads: o.CheckReads, LeaseTTL: o.LeaseTTL, Heartbeat: o.Heartbeat,
		FenceUnreachable: o.FenceUnreachable, MaxConnections: connectionsOr(o.MaxConnections),
		MaxConnectionsPerAddress: o.MaxConnectionsPerAddress,
		Program:                  ProgramPath(), Usage: usage, Logger: w.log,
	})
	if err != nil {
		return err
	}
	if err := n.Start(in.graceful); err != nil {
		if transport.failed != nil {
			return listenError(o.Listen, transport.failed)
		}
		return pl.adviseMismatch(err, o)
	}
	if err := pl.remember(n.ClusterID()); err != nil {
		if stopErr := in.stop(n.Stop); stopErr != nil {
			w.log.Error("the node did not stop cleanly", "error", stopErr)
		}
		return err
	}
	w.log.Info("serving", "node", pl.Node, "address", n.Addr(), "cluster", n.ClusterID(), "store", s.url.String())
	return serveUntil(w, in, n, s, o.DrainTimeout)
}

// serveUntil waits for the node's end, or ends it when asked to, or when its own store has failed.
func serveUntil(w world, in interrupts, n *node.Node, s *store, drainTimeout time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- n.Wait(context.Background()) }()
	select {
	case err := <-ended:
		return err
	case err := <-s.failure(in.immediate):
		s.release()
		if stopErr := in.stop(n.Stop); stopErr != nil { // which can't give up its lease
			w.log.Debug("the node did not stop cleanly", "error", stopErr)
		}
		return err
	case <-in.graceful.Done():
	}
	w.log.Info("stopping; SIGINT (Ctrl-C) stops at once")
	if drainTimeout > 0 && s.embedded == nil {
		drain(w, in, n, drainTimeout)
	}
	if len(ended) > 0 {
		return <-ended
	}
	s.release()
	err := in.stop(n.Stop)
	if err == nil {
		w.log.Info("stopped")
	}
	return err
}

// listenTransport remembers why it could not listen, for a message that says what to do. A listener at every address
// says which one others use.
type listenTransport struct {
	rpc.Transport
	log *slog.Logger
	// advertised says that the others are told another address.
	advertised bool
	failed     error
}

func (t *listenTransport) Listen(addr string) (rpc.Listener, error) {
	l, err := t.Transport.Listen(addr)
	t.failed = err
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(l.Addr())
	if err != nil || !isUnspecified(host) {
		return l, nil
	}
	if asked, _, err := net.SplitHostPort(addr); err == nil {
		host = asked // the system calls 0.0.0.0 [::]
	}
	picked := net.JoinHostPort(interfaceAddress(host), port)
	if !t.advertised {
		t.log.Info("listening at every address; the others are told this one, unless --advertise says another",
			"address", picked)
	}
	return &wildcardListener{l, picked}, nil
}

// wildcardListener listens at every address and tells of one.
type wildcardListener struct {
	rpc.Listener
	addr string
}

func (l *wildcardListener) Addr() string { return l.addr }
