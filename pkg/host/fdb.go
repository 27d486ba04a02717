// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build fdb

package host

import (
	"context"
	"errors"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/fdb"
)

// openFDB opens the store on FoundationDB that CLUSTERFILE?prefix=P describes, and waits for the cluster up to 10 s.
func openFDB(rest string) (kv.Store, error) {
	opt, err := fdb.ParseOptions(rest)
	if err != nil {
		return nil, api.Errorf(api.CodeInvalidArgument, "store \"fdb:%s\": %v", rest, err)
	}
	s, err := fdb.Open(opt)
	switch {
	case errors.Is(err, kv.ErrUnavailable):
		return nil, fdbError(rest, err)
	case err != nil:
		return nil, api.Errorf(api.CodeInvalidArgument, "store \"fdb:%s\": %v", rest, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeConnectTimeout)
	defer cancel()
	tx := s.Begin(kv.TxOptions{})
	_, err = tx.ReadVersion(ctx)
	tx.Cancel()
	if err != nil {
		return nil, errors.Join(fdbError(rest, err), s.Close())
	}
	return s, nil
}

// fdbStopPatience is how long the end of a process waits for FoundationDB's client.
const fdbStopPatience = time.Second

// stopFDB stops FoundationDB's client, if it runs: no store can be opened on it any more.
func stopFDB() error { return fdb.Stop(fdbStopPatience) }

func fdbError(rest string, err error) error {
	return cli.Advise(
		api.Errorf(api.CodeUnavailable, "FoundationDB at \"fdb:%s\" does not answer: %s", rest, cli.Reason(err)),
		"check the cluster file, and run: fdbcli --exec status",
	)
}
