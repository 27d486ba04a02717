// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// TestPeersNameNoDirectory shows that a node that is joined can name a store that is reached over the network, and
// nothing on this machine.
func TestPeersNameNoDirectory(t *testing.T) {
	for url, ok := range map[string]bool{
		"kelpie://10.0.0.1:7500": true, "fdb:/etc/foundationdb/fdb.cluster": true, "fdb:": true,
		"pebble:/home/someone": false, "pebble:": false, "memory:": false, "": false, "file:/etc": false,
		"kelpie:/home/someone": false, "kelpie://": false, "PEBBLE:/home": false,
	} {
		err := checkPeerStore(&api.ClusterInfo{Address: "10.0.0.1:7600", StoreURL: url})
		if (err == nil) != ok || !ok && api.CodeOf(err) != api.CodeMismatch {
			t.Errorf("store %q: error %v", url, err)
		}
	}
}

// TestJoinWithoutDirectories shows that a join obeys that.
func TestJoinWithoutDirectories(t *testing.T) {
	mux := rpc.NewMux()
	rpc.HandleTyped(mux, api.MethodClusterInfo, func(context.Context, *api.Empty) (*api.ClusterInfo, error) {
		return &api.ClusterInfo{ClusterID: "evil", StoreURL: "pebble:/nowhere"}, nil
	})
	w := newWorld(slog.New(slog.DiscardHandler))
	listener, err := w.transport.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(w.env, rpc.ServerConfig{}, mux)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), listener) }()
	pl := new(place)
	if err := pl.ask(context.Background(), w, []string{listener.Addr()}); api.CodeOf(err) != api.CodeMismatch ||
		pl.Store != "" {
		t.Errorf("joined with the store %q, error %v", pl.Store, err)
	}
	if err := errors.Join(server.Close(context.Background()), <-served); err != nil {
		t.Error(err)
	}
}
