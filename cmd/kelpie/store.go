// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/host"
	"github.com/kelpiehq/kelpie/pkg/kv"
)

func (k *kelpie) store() *cobra.Command {
	return group("store", "Serve, inspect, back up and repair stores", "", k.storeServe(), k.storeGet(),
		k.storeScan(), k.storeSet(), k.storeClear(),
		k.storeBackup(), k.storeVerify(), k.storeRestore(), k.storeCheck(), k.storeStats(), k.storeMigrate())
}

func (k *kelpie) storeServe() *cobra.Command {
	var o host.StoreOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a store to nodes",
		Long: `Serve a store to the nodes of a cluster. Start the nodes with --store
kelpie://HOST:PORT. Unlike a node's own store, it stays when nodes come and go.
Ctrl-C or SIGTERM stops it gracefully, a second one at once.`,
		Example: "  kelpie store serve --listen 10.0.0.5:7500 --store pebble:/var/lib/kelpie\n  kelpie node start " +
			"--store kelpie://10.0.0.5:7500",
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return host.ServeStore(cmd.Context(), k.Process, o)
		},
	}
	o.Register(cmd.Flags())
	return cmd
}

// storeRow is a row of "store scan".
type storeRow struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
	Bytes int             `json:"bytes"`
}

func newStoreRow(p api.StorePair) storeRow {
	return storeRow{Key: formatKey(p.Key), Value: decodeValue(p.Key, p.Value), Bytes: len(p.Value)}
}

// cellRunesMax is how much of a value the table shows; -o wide shows all.
const cellRunesMax = 120

func (r *storeRow) brief() string {
	value := []rune(string(r.Value))
	if len(value) <= cellRunesMax {
		return string(value)
	}
	return string(value[:cellRunesMax-1]) + "…"
}

var storeListing = listing[storeRow]{
	name: func(r *storeRow) string { return r.Key },
	fields: []field[storeRow]{
		{key: "key", meaning: "the key, as a path", header: "KEY", cell: func(r *storeRow) string { return r.Key }},
		{key: "value", meaning: "the value, decoded; a string of hexadecimal digits after 0x if it is binary",
			header: "VALUE", cell: func(r *storeRow) string { return string(r.Value) }, brief: (*storeRow).brief},
		{key: "bytes", meaning: "size of the stored value", header: "BYTES", wide: true,
			cell: func(r *storeRow) string { return strconv.Itoa(r.Bytes) }},
	},
}

// scanner reads pairs of the half-open range [begin, end), up to limit at a time.
type scanner func(ctx context.Context, begin, end []byte, limit int) (*api.StoreScanReply, error)

// nodeScanner reads by way of a node.
func nodeScanner(s *session) scanner {
	return func(ctx context.Context, begin, end []byte, limit int) (*api.StoreScanReply, error) {
		return ask[api.StoreScanRequest, api.StoreScanReply](ctx, s, api.MethodStoreScan,
			&api.StoreScanRequest{Begin: begin, End: end, Limit: limit})
	}
}

// storeScanner reads a store that this process has opened.
func storeScanner(s *session, store kv.Store) scanner {
	return func(ctx context.Context, begin, end []byte, limit int) (*api.StoreScanReply, error) {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		return kv.Transact(ctx, s.env, store, kv.TxOptions{},
			func(ctx context.Context, tx kv.Tx) (*api.StoreScanReply, error) {
				pairs, more, err := tx.Snapshot().Range(ctx, begin, end, kv.RangeOptions{Limit: limit})
				reply := &api.StoreScanReply{More: more}
				for _, p := range pairs {
					reply.Pairs = append(reply.Pairs, api.StorePair{Key: p.Key, Value: p.Value})
				}
				return reply, err
			})
	}
}

// storeFlags say which store is looked into.
type storeFlags struct {
	url string
}

func (f *storeFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "store", "", "URL of a store to open directly, instead of asking a node: "+
		"pebble:DIR, fdb:CLUSTERFILE or kelpie://HOST:PORT")
}

// with runs read on the store that the flags name.
func (f *storeFlags) with(ctx context.Context, s *session, read func(scan scanner) error) (err error) {
	if f.url == "" {
		return read(nodeScanner(s))
	}
	store, err := host.OpenStoreToRead(ctx, f.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return read(storeScanner(s, store))
}

func (k *kelpie) storeGet() *cobra.Command {
	var f storeFlags
	return listCommand[storeRow]{
		use:     "get KEY",
		short:   "Show one value of the store",
		long:    "Show the value of one key of the cluster's store.\n\n" + keyHelp,
		example: "  kelpie store get claim/counter/a\n  kelpie store get meta -o json",
		args:    cli.Args("KEY"),
		flags:   f.register,
		listing: storeListing,
		one:     true,
		fetch: func(ctx context.Context, s *session, args []string, emit func([]storeRow) error) error {
			key, err := parseKey(args[0])
			if err != nil {
				return err
			}
			return f.with(ctx, s, func(scan scanner) error {
				reply, err := scan(ctx, key, kv.KeyAfter(key), 1)
				if err != nil {
					return err
				}
				if len(reply.Pairs) == 0 {
					return cli.Advise(api.Errorf(api.CodeNotFound, "the store has no key %s", args[0]),
						"list the keys with: kelpie store scan")
				}
				return emit([]storeRow{newStoreRow(reply.Pairs[0])})
			})
		},
	}.command(k)
}

func (k *kelpie) storeScan() *cobra.Command {
	var f storeFlags
	return listCommand[storeRow]{
		use:   "scan [KEY]",
		short: "List keys and values of the store",
		long: `List the keys of the cluster's store, in order, with their values: all of them,
or KEY and those below it. The list is printed page by page as it is read, and
does not show a single moment.

` + keyHelp,
		example: "  kelpie store scan claim/counter --limit 10\n  kelpie store scan --store pebble:/var/lib/kelpie " +
			"-o json",
		args:    cli.Args("KEY?"),
		flags:   f.register,
		listing: storeListing,
		fetch: func(ctx context.Context, s *session, args []string, emit func([]storeRow) error) error {
			prefix := ""
			if len(args) > 0 {
				prefix = args[0]
			}
			begin, err := parseKey(prefix)
			if err != nil {
				return err
			}
			// Elements that follow those of a tuple begin with less than 0xff.
			end := append(begin[:len(begin):len(begin)], 0xff)
			return f.with(ctx, s, func(scan scanner) error { return scanAll(ctx, scan, begin, end, s.limit, emit) })
		},
	}.command(k)
}

// scanPageRows is how many keys are read at once.
const scanPageRows = 1000

// scanAll gives the pairs of a range to emit, up to limit of them unless that is 0.
func scanAll(ctx context.Context, scan scanner, begin, end []byte, limit int, emit func([]storeRow) error) error {
	for left := limit; ; {
		page := scanPageRows
		if limit > 0 {
			page = min(page, left)
		}
		reply, err := scan(ctx, begin, end, page)
		if err != nil {
			return err
		}
		rows := make([]storeRow, len(reply.Pairs))
		for i, p := range reply.Pairs {
			rows[i] = newStoreRow(p)
		}
		if len(rows) > 0 {
			if err := emit(rows); err != nil {
				return err
			}
			begin = kv.KeyAfter(reply.Pairs[len(rows)-1].Key)
		}
		left -= len(rows)
		if !reply.More || len(rows) == 0 || limit > 0 && left <= 0 {
			return nil
		}
	}
}
