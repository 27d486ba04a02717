// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import "github.com/kelpiehq/kelpie/pkg/api"

const (
	// connectionsMost is the greatest default: each connection takes some 50 KB.
	connectionsMost = 20_000
	// filesKept is how many files a process has beside its connections: those of its store, and connections that it
	// makes itself.
	filesKept = 512
	// connectionsLeast is what there is at least.
	connectionsLeast = 64
)

// connectionsMax is how many connections the limit of open files leaves room for.
func connectionsMax() int {
	limit, known := openFilesLimit()
	if !known {
		return connectionsMost
	}
	return int(min(max(limit, filesKept+connectionsLeast)-filesKept, 1<<30))
}

// connectionsOr returns how many connections a process takes: as many as it was told, or the default for 0.
func connectionsOr(told int) int {
	if told > 0 {
		return told
	}
	return min(connectionsMax(), connectionsMost)
}

// checkConnections refuses more connections than the process may have files.
func checkConnections(told int) error {
	if err := notNegative("--max-connections", told, "0 means what the limit of open files leaves"); err != nil {
		return err
	}
	if most := connectionsMax(); told > most {
		return api.Errorf(api.CodeInvalidArgument, "--max-connections %d: the limit of open files leaves room for %d: "+
			"raise it (ulimit -n), or allow fewer connections", told, most)
	}
	return nil
}
