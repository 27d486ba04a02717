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
	methodBeginGetAll = "store.begin_get_all"
	methodBeginRange  = "store.begin_range"
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
	// pageBytesMax and pagePairsMax are about the size of the largest answer to a range read; longer
	// ranges are read in pages. Small pairs take more memory than their bytes.
	pageBytesMax = 4 << 20
	pagePairsMax = 1 << 14
	// rangesMax and mutationsMax bound the parts of a commit. A transaction of kv.TxBytesMax has fewer.
	rangesMax    = 1 << 20
	mutationsMax = 1 << 18
)

// Bounds of what a Service holds at a time: for all its clients, and the share of each connection. See quota.
const (
	// requestBytesMax is for requests that are not answered: commits, most of all. The largest are a quarter of a
	// share.
	requestBytesMax   = 256 << 20
	requestBytesShare = 64 << 20
	// answerBytesMax is for answers to reads, from before they are made until they are on the network.
	answerBytesMax   = 96 << 20
	answerBytesShare = 48 << 20
	// watchBytesMax is for watches. A share of it is 1,024 small ones: it has to leave room among the requests that
	// rpc takes of a connection.
	watchBytesMax   = 64 << 20
	watchBytesShare = 1 << 10 * watchCost
	// watchCost is what a watch counts for if its request is not larger: about what its task takes.
	watchCost = 4 << 10
	// pinsMax is for pinned versions, as many as the embedded store pins. A backup has one.
	pinsMax   = 16
	pinsShare = 4
)

// commitBytesMax is what a client has on its way of commits, of each class: others wait until one is decided. It is
// half of a share, for the server may count one that the client knows to be decided, or that it has given up.
const commitBytesMax = requestBytesShare / 2

const (
	// readPatience is how long a read is repeated while the server does not answer: as long as a
	// read version lives, after which the transaction has to start over anyway.
	readPatience = 5 * time.Second
	// partsMax is how many requests of one read are under way at a time.
	partsMax = 4
	// retryMin and retryMax bound the pauses between attempts, which double and are jittered.
	retryMin = 5 * time.Millisecond
	retryMax = 500 * time.Millisecond
	// bulkBytesMin is the size from which a commit travels apart from small requests.
	bulkBytesMin = 64 << 10
)

// valueCost is the size of the largest value in an answer.
const valueCost = binBytes + kv.ValueBytesMax

// pageCost is the size of the largest answer to a range read with both limits.
func pageCost(opt kv.RangeOptions) int {
	const pairCost = 2*binBytes + kv.KeyBytesMax + kv.ValueBytesMax
	return headBytes + min(opt.BytesMax+2*binBytes*opt.Limit+pairCost, opt.Limit*pairCost)
}
