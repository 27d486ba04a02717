// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// StoreOptions are what a store is served with: the flags of "store serve".
type StoreOptions struct {
	// Listen is the address to listen at, HOST:PORT; port 0 is any that is free.
	Listen string
	// Store is the store's URL; "" is "pebble:".
	Store string
	// DataDir is where "pebble:" is. "" is one named after the port in the user's data directory.
	DataDir string
	// OnFull is what is done when the disk is full: "exit", also if it is "", or "wait".
	OnFull string
	Log    LogOptions
}

// Register makes the flags. Their variables differ from a node's, so that one environment serves both.
func (o *StoreOptions) Register(flags *pflag.FlagSet) {
	flags.StringVar(&o.Listen, "listen", DefaultStoreListen, "address to listen at, HOST:PORT")
	flags.StringVar(&o.Store, "store", defaultStore, "memory: or pebble:DIR")
	flags.StringVar(&o.DataDir, "data-dir", "", "directory of pebble: (default kelpie/store-PORT in $XDG_DATA_HOME "+
		"or ~/.local/share)")
	cli.Variable(flags, "listen", "KELPIE_SERVE_LISTEN")
	cli.Variable(flags, "store", "KELPIE_SERVE_STORE")
	cli.Variable(flags, "data-dir", "KELPIE_SERVE_DATA_DIR")
	registerOnFull(flags, &o.OnFull, "KELPIE_SERVE_ON_FULL")
	o.Log.register(flags)
	registerConfig(flags, "KELPIE_SERVE_CONFIG")
}

func (o *StoreOptions) validate() error {
	if _, _, err := cli.ParseAddress("--listen", o.Listen); err != nil {
		return cli.OfFlag("listen", err)
	}
	u, err := parseStoreURL(o.Store)
	if err != nil {
		return cli.OfFlag("store", err)
	}
	if !u.embedded() {
		return cli.OfFlag("store", api.Errorf(api.CodeInvalidArgument, "--store %s is already networked; point the nodes "+
			"at it directly", o.Store))
	}
	if err := validateOnFull(o.OnFull); err != nil {
		return cli.OfFlag("on-full", err)
	}
	return o.Log.validate()
}

// ServeStore serves a store to nodes until it is asked to stop, as Run is. It blocks. Errors are for people
// (see PrintError).
func ServeStore(ctx context.Context, p cli.Process, o StoreOptions) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	w := newWorld(o.Log.logger(p.Stderr))
	in, unlisten := listen(ctx, p)
	defer unlisten()
	u, err := parseStoreURL(o.Store)
	if err != nil {
		return err
	}
	dir, err := o.dir(p, u)
	if err != nil {
		return err
	}
	// First, so that a port in use is found out before anything is made on disk.
	listener, err := w.transport.Listen(o.Listen)
	if err != nil {
		return listenError(o.Listen, err)
	}
	defer listener.Close()
	s, err := openStore(in.graceful, w, u, storeOptions{dataDir: dir, onFull: o.OnFull})
	if in.graceful.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // stopped, as asked, before it served
	}
	if err != nil {
		return err
	}
	defer func() { err = s.closeAfter(w, err) }()
	return s.serve(w, in, listener)
}

// serve serves an embedded store until it is asked to stop, or has failed.
func (s *store) serve(w world, in interrupts, listener rpc.Listener) error {
	mux := rpc.NewMux()
	s.register(w, mux)
	server := rpc.NewServer(w.env, rpc.ServerConfig{Logger: w.log, ConnectionsMax: connectionsOr(0)}, mux)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), listener) }()
	w.log.Info("serving store", "address", listener.Addr(), "store", s.url.String())
	var failed error
	select {
	case err := <-served:
		return err
	case failed = <-s.failure(in.immediate):
	case <-in.graceful.Done():
		w.log.Info("stopping; SIGINT (Ctrl-C) stops at once")
	}
	s.release()
	return cmp.Or(failed, in.stop(server.Close))
}

// dir is the data directory.
func (o *StoreOptions) dir(p cli.Process, u storeURL) (string, error) {
	if u.scheme != schemePebble || o.DataDir != "" || u.rest != "" {
		return o.DataDir, nil
	}
	_, port, err := cli.ParseAddress("--listen", o.Listen)
	if err != nil {
		return "", err
	}
	return defaultDataDir(p.Getenv, "store-"+port)
}

// listenError says why addr can't be listened at.
func listenError(addr string, err error) error {
	return cli.Advise(
		api.Errorf(api.CodeFailedPrecondition, "can't listen at %s: %v", addr, cli.Reason(err)),
		"stop the program that listens there, or choose another address with --listen",
	)
}
