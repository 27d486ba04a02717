// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package scale holds one node with very many actors against what it promises of idle ones: each takes less than
// 1,024 bytes of memory, and all of them together cause no traffic with the store. `go test` does it with 20,000
// actors, `make scale` with SCALEACTORS.
//
// The memory is that of the live heap after a garbage collection, less what it was before the actors came, over their
// number: slots, claims, cached state, records and the tables that hold them. The store is not in it at all, as it
// lives in a process of its own, which this test's binary starts. The actors' state is in it, but takes a few bytes:
// a number. Actors that were only read and actors that were written are measured apart, as only the latter keep a
// record of their last call.
//
// The traffic is counted at the node's side of its store, from one heartbeat that was committed to a later one, first
// without actors and then with all of them idle: it must be the same.
//
// Lists are held against what they promise, too: real processes of the command line list ten times as many actors,
// and neither they nor the node take much more memory for it.
//
// What the bytes are made of is shown by
//
//	go test ./test/scale \
//		-memprofilerate 512 -scale.profile heap.out && go tool pprof -sample_index inuse_space heap.out
package scale
