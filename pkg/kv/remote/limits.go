// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"time"

	"github.com/kelpiehq/kelpie/pkg/kv"
)

// Names of the methods.
const (
	methodReadVersion = "store.read_version"
	methodGetAll      = "store.get_all"
	methodRange       = "store.range"
	methodCommit      = "store.commit"
	methodWatch       = "store.watch"
	methodPin         = "store.pin"
	methodUnpin       = "store.unpin"
)

// Bounds of one request. The answer to the largest fits into a frame of rpc.
const (
	// keysMax is the greatest number of keys to read in one request: all their values may
	// have kv.ValueBytesMax.
	keysMax = 128
	// pageBytesMax is about the size of the largest answer to a range read; longer
	// ranges are read in pages.
	pageBytesMax = 4 << 20
	// rangesMax and mutationsMax bound the parts of a commit. A transaction of kv.TxBytesMax has fewer.
	rangesMax    = 1 << 20
	mutationsMax = 1 << 18
)

// Bounds of all that a Service does at a time.
const (
	// commitBytesMax is the size of the commits being decided. Further ones are
	// refused and sent again.
	commitBytesMax = 256 << 20
	// readBytesMax is what the reads under way could return at most. Further ones wait.
	readBytesMax = 256 << 20
	// watchBytesMax is the size of the watches, and watchesPerPeerMax the number of those of one
	// connection, which has to leave room for requests.
	watchBytesMax     = 64 << 20
	watchesPerPeerMax = 1 << 10
	// watchCost is what a watch counts for beyond its request.
	watchCost = 1 << 10
)

const (
	// readPatience is how long a read is repeated while the server does not answer: as long as a
	// read version lives, after which the transaction has to begin anew anyway.
	readPatience = 5 * time.Second
	// retryMin and retryMax bound the pauses between attempts, which double and are jittered.
	retryMin = 5 * time.Millisecond
	retryMax = 500 * time.Millisecond
	// bulkBytesMin is the size from which a commit travels apart from small requests.
	bulkBytesMin = 64 << 10
)

// pageCost and keyCost are the greatest sizes of answers.
const (
	pageCost = pageBytesMax + kv.KeyBytesMax + kv.ValueBytesMax
	keyCost  = kv.ValueBytesMax
)
