// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/occ"
	"github.com/kelpiehq/kelpie/pkg/kv/remote"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

const (
	// storeDir is where a data directory holds the embedded store, apart from what else is in it.
	storeDir = "store"
	// storeConnectTimeout is how long a store that another process serves is waited for at the start: it may be
	// starting as well.
	storeConnectTimeout = 10 * time.Second
	// storeBackoffMax bounds the pause between two tries to reach such a store again. It is short beside a lease:
	// when the store comes back, a node that tried again much later than the others would be taken for dead by them.
	storeBackoffMax = 100 * time.Millisecond
	// storeDialTimeout bounds each of those tries, for the same reason: one whose packets are lost must not take as
	// long as a lease.
	storeDialTimeout = time.Second
)

// world is what a store or a node stands on.
type world struct {
	env       env.Env
	transport rpc.Transport
	log       *slog.Logger
}

func newWorld(log *slog.Logger) world {
	e := env.Real()
	return world{env: e, transport: tcp.New(), log: log}
}

// store is an open store: one of this process (embedded), of another one (pool) or FoundationDB.
type store struct {
	kv.Store
	url storeURL
	// embedded is the store, for serving it to other processes; service does.
	embedded *occ.Store
	service  *remote.Service
	// pool is connected to the process that serves the store.
	pool *rpc.Pool
}

// Trouble says why the store can't be connected to, where that is known: nil otherwise.
func (s *store) Trouble() error {
	t, ok := s.Store.(interface{ Trouble() error })
	if !ok {
		return nil
	}
	err := t.Trouble()
	if err == nil {
		return nil
	}
	return errors.New(cli.Reason(err))
}

// OpenStore opens a store that exists: pebble:DIR, fdb:CLUSTERFILE or kelpie://HOST:PORT. It waits for a store of
// another process up to 10 s. Errors are for people (see PrintError).
func OpenStore(ctx context.Context, url string) (kv.Store, error) {
	return openExisting(ctx, url, false)
}

// OpenStoreToRead is OpenStore for looking into it. It writes nothing to pebble:DIR, whose disk may be full, or mounted
// read-only; commits fail.
func OpenStoreToRead(ctx context.Context, url string) (kv.Store, error) {
	return openExisting(ctx, url, true)
}

func openExisting(ctx context.Context, url string, readOnly bool) (kv.Store, error) {
	u, err := parseStoreURL(url)
	if err != nil {
		return nil, err
	}
	if u.scheme == schemeMemory || u.scheme == schemePebble && u.rest == "" {
		return nil, api.Errorf(api.CodeInvalidArgument, "store %q can't be opened from here; name an existing "+
			"one: pebble:DIR, fdb:CLUSTERFILE or kelpie://HOST:PORT", url)
	}
	if u.scheme == schemePebble {
		_, err := os.Stat(filepath.Join(u.rest, storeDir))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, api.Errorf(api.CodeNotFound, "there is no store in %s", u.rest)
		}
		if err != nil {
			return nil, dirError(u.rest, err)
		}
	}
	s, err := openStore(ctx, newWorld(slog.New(slog.DiscardHandler)), u, storeOptions{readOnly: readOnly})
	if err != nil {
		return nil, err
	}
	return s.asOpened(), nil
}

// MakeStore is OpenStore for a store that may be new: pebble:DIR is made if it is not there.
func MakeStore(ctx context.Context, url string) (kv.Store, error) {
	u, err := parseStoreURL(url)
	if err != nil {
		return nil, err
	}
	if u.scheme == schemePebble && u.rest != "" {
		if err := os.MkdirAll(u.rest, 0o700); err != nil {
			return nil, dirError(u.rest, err)
		}
		s, err := openStore(ctx, newWorld(slog.New(slog.DiscardHandler)), u, storeOptions{})
		if err != nil {
			return nil, err
		}
		return s.asOpened(), nil
	}
	return OpenStore(ctx, url)
}

// storeOptions are how a store is opened.
type storeOptions struct {
	// dataDir is the directory of "pebble:".
	dataDir string
	// readOnly is for pebble alone.
	readOnly bool
	// onFull is what is done when the disk of pebble is full: onFullExit, also if it is "", or onFullWait.
	onFull string
}

func openStore(ctx context.Context, w world, u storeURL, o storeOptions) (*store, error) {
	switch u.scheme {
	case schemeMemory:
		return embed(w, u, occ.NewMemory())
	case schemePebble:
		if u.rest != "" {
			o.dataDir = u.rest
		}
		return openPebble(ctx, w, o)
	case schemeFDB:
		s, err := openFDB(u.rest)
		if err != nil {
			return nil, err
		}
		return &store{Store: s, url: u}, nil
	default:
		return connectStore(ctx, w, u)
	}
}

// embed opens the store on an engine, which is closed with it.
func embed(w world, u storeURL, engine occ.Engine) (*store, error) {
	s, err := occ.Open(w.env, engine, occ.Options{})
	if err != nil {
		return nil, err
	}
	return &store{Store: s, embedded: s, url: u}, nil
}

func connectStore(ctx context.Context, w world, u storeURL) (*store, error) {
	if err := awaitStore(ctx, w, u.rest); err != nil {
		return nil, err
	}
	pool := rpc.NewPool(w.env, w.transport,
		rpc.PoolConfig{Logger: w.log, DialTimeout: storeDialTimeout, BackoffMax: storeBackoffMax})
	return &store{Store: remote.Open(w.env, pool, u.rest), url: u, pool: pool}, nil
}

// awaitStore waits until a store answers at addr, without a word in the log.
func awaitStore(ctx context.Context, w world, addr string) error {
	pool := rpc.NewPool(w.env, w.transport, rpc.PoolConfig{})
	defer pool.Close()
	bounded, cancel := context.WithTimeout(ctx, storeConnectTimeout)
	defer cancel()
	_, err := pool.Connect(bounded, addr)
	if err == nil {
		err = probeStore(bounded, remote.Open(w.env, pool, addr))
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case cli.ExitCodeOf(err) == cli.ExitRefused:
		return cli.Advise(err, "check --store, and use a program of the cluster's version")
	case api.CodeOf(err) == api.CodeUnknownMethod:
		return cli.Advise(
			api.Errorf(api.CodeUnavailable, "the program at %s serves no store", addr),
			"pass --store the address of \"kelpie store serve\", or of the node that keeps the store",
		)
	}
	return cli.Advise(
		api.Errorf(api.CodeUnavailable, "the store at %s does not answer: %s", addr, cli.Reason(err)),
		"start it with \"kelpie store serve\", or check --store",
	)
}

// probeStore reads from a store, which it closes.
func probeStore(ctx context.Context, s kv.Store) error {
	tx := s.Begin(kv.TxOptions{})
	_, err := tx.ReadVersion(ctx)
	tx.Cancel()
	return errors.Join(err, s.Close())
}

// register adds the methods to mux by which other processes reach an embedded store.
func (s *store) register(w world, mux *rpc.Mux) {
	if s.embedded != nil {
		s.service = remote.Register(mux, w.env, s.embedded)
	}
}

// release ends what others wait for in an embedded store, so that a server that stops does not wait for them.
func (s *store) release() {
	if s.service != nil {
		s.service.Close()
	}
}

// failure receives the error of an embedded store that has failed, at most once, until ctx ends. The process
// is to end then: what is on the disk is known only once it is opened again.
func (s *store) failure(ctx context.Context) <-chan error {
	failed := make(chan error, 1)
	if s.embedded == nil {
		return failed
	}
	go func() {
		if err := s.embedded.Failure(ctx); ctx.Err() == nil {
			failed <- storeFailed(s.url, err)
		}
	}()
	return failed
}

// joinerURL is what a joiner is told.
func (s *store) joinerURL() string {
	if s.embedded != nil {
		return storeHere
	}
	return s.url.String()
}

// Close closes the store, and the connection that it has for itself.
func (s *store) Close() error {
	err := s.Store.Close()
	if s.pool != nil {
		s.pool.Close()
	}
	return err
}

// closeAfter closes the store after it has been used with the result err, and returns the error to be told.
func (s *store) closeAfter(w world, err error) error {
	if errors.Is(err, cli.ErrInterrupted) {
		return err // closing waits for the store's tasks: not for who is in a hurry
	}
	closed := s.Close()
	if err == nil {
		return closed
	}
	if closed != nil {
		w.log.Error("the store did not close cleanly", "error", closed)
	}
	return err
}

// Pin implements kv.Pinner where the store does: see pinned.
func (p pinned) Pin(ctx context.Context, v kv.Version) (kv.Version, error) {
	return p.pinner.Pin(ctx, v)
}

// Unpin implements kv.Pinner.
func (p pinned) Unpin(ctx context.Context, v kv.Version) error { return p.pinner.Unpin(ctx, v) }

// pinned is a store that can keep versions readable. FoundationDB can't, so a store as such does not say that it can.
type pinned struct {
	*store
	pinner kv.Pinner
}

// asOpened is the store with all that it can do.
func (s *store) asOpened() kv.Store {
	if p, ok := s.Store.(kv.Pinner); ok {
		return pinned{s, p}
	}
	return s
}
