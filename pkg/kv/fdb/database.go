// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/apple/foundationdb/bindings/go/src/fdb"
)

// apiVersion is that of FoundationDB 7.3. The behaviour of the client is fixed by it.
const apiVersion = 730

// client is the process's one client of FoundationDB. Its network runs in one thread, which the binding starts with
// the first database, and which can't be started a second time.
//
// Databases stay open until the process ends, one for a cluster file: what a store has left of its transactions and
// futures is freed by finalizers, whenever these run, and must find its database. The binding's own table of them is
// not safe for concurrent use.
var client = struct {
	sync.Mutex
	databases map[string]fdb.Database
	// configured: tls was set, which is the whole client's, and the network may run.
	configured bool
	tls        TLS
	stopped    bool
}{databases: make(map[string]fdb.Database)}

// database opens a database, or finds it open, and starts the client's network if this is the first.
func database(clusterFile string, tls TLS) (fdb.Database, error) {
	client.Lock()
	defer client.Unlock()
	if client.stopped {
		return fdb.Database{}, errors.New("its network was stopped, and can't be started again in this process; " +
			"restart the process")
	}
	if err := fdb.APIVersion(apiVersion); err != nil {
		return fdb.Database{}, err
	}
	if !client.configured {
		if err := setTLS(tls); err != nil {
			return fdb.Database{}, err
		}
		client.configured, client.tls = true, tls
	}
	if client.tls != tls {
		return fdb.Database{}, errors.New("a store with other tls_ parameters is open; a process has one set of " +
			"them")
	}
	if db, ok := client.databases[clusterFile]; ok {
		return db, nil
	}
	db, err := fdb.OpenDatabase(clusterFile)
	if err != nil {
		return fdb.Database{}, err
	}
	client.databases[clusterFile] = db
	return db, nil
}

// setTLS tells the client what is given of TLS, before its network starts.
func setTLS(tls TLS) error {
	for _, option := range []struct {
		name, value string
		set         func(string) error
	}{
		{"tls_cert", tls.Cert, fdb.Options().SetTLSCertPath},
		{"tls_key", tls.Key, fdb.Options().SetTLSKeyPath},
		{"tls_ca", tls.CA, fdb.Options().SetTLSCaPath},
		{"tls_verify_peers", tls.VerifyPeers, func(value string) error {
			return fdb.Options().SetTLSVerifyPeers([]byte(value))
		}},
	} {
		if option.value == "" {
			continue
		}
		if err := option.set(option.value); err != nil {
			return fmt.Errorf("%s: %w", option.name, err)
		}
	}
	return nil
}

// Stop stops the client's network, if it was started, and blocks until it has, but not for longer than patience. It
// is for a process that is about to end: FoundationDB can't be used after it, and calls still under way never return.
func Stop(patience time.Duration) error {
	client.Lock()
	defer client.Unlock()
	if len(client.databases) == 0 || client.stopped {
		return nil // a network without databases has nothing to end
	}
	client.stopped = true
	stopped := make(chan error, 1)
	go func() { stopped <- fdb.StopNetwork() }()
	select {
	case err := <-stopped:
		return err
	case <-time.After(patience):
		return fmt.Errorf("the network of FoundationDB's client has not stopped after %v", patience)
	}
}
