// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package fdb

import (
	"sync"

	"github.com/apple/foundationdb/bindings/go/src/fdb"
)

// apiVersion is that of FoundationDB 7.3. The behaviour of the client is fixed by it.
const apiVersion = 730

// databases counts the users of the binding's databases, of which there is one for a cluster file: its
// own table of them is not safe for concurrent use, and closing one closes it for all.
var databases = struct {
	sync.Mutex
	users map[string]int
}{users: make(map[string]int)}

// acquire opens a database, and starts the client's network if this is the first.
func acquire(clusterFile string) (fdb.Database, error) {
	databases.Lock()
	defer databases.Unlock()
	if err := fdb.APIVersion(apiVersion); err != nil {
		return fdb.Database{}, err
	}
	db, err := fdb.OpenDatabase(clusterFile)
	if err != nil {
		return fdb.Database{}, err
	}
	databases.users[clusterFile]++
	return db, nil
}

// release closes a database after its last user.
func release(clusterFile string, db fdb.Database) {
	databases.Lock()
	defer databases.Unlock()
	databases.users[clusterFile]--
	if databases.users[clusterFile] == 0 {
		delete(databases.users, clusterFile)
		db.Close()
	}
}
