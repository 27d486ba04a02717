// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// writeFlags are those of "store set" and "store clear".
type writeFlags struct {
	connection
	storeFlags
	force, yes bool
}

func (f *writeFlags) registerAll(cmd *cobra.Command) {
	f.connection.register(cmd.Flags())
	f.storeFlags.register(cmd)
	registerYes(cmd, &f.yes)
	cmd.Flags().BoolVar(&f.force, "force", false,
		"write to Kelpie's own keys, which can lose actors or run them twice")
}

// key returns the bytes of a key that may be written to.
func (f *writeFlags) key(s string, below bool) ([]byte, error) {
	key, err := parseKey(s)
	if err != nil {
		return nil, err
	}
	if len(key) == 0 {
		return nil, api.Errorf(api.CodeInvalidArgument, "the key is empty: pass a path, a JSON array, or bytes "+
			"after 0x")
	}
	if bytes.Compare(key, kv.KeySpaceEnd()) >= 0 {
		return nil, api.Errorf(api.CodeInvalidArgument, "key %s is outside the store: its first byte must be "+
			"less than 0xff", s)
	}
	if !f.force && reachesOurs(key, below) {
		return nil, cli.Advise(
			api.Errorf(api.CodeFailedPrecondition, "%s is one of Kelpie's own keys, or above them; changing it "+
				"can lose actors' state, or run actors twice", s),
			"to write it anyway, stop all nodes and pass --force; write keys of your own as bytes, 0x...",
		)
	}
	return key, nil
}

// reachesOurs reports whether key, or what is below it, is among Kelpie's own keys. It compares bytes: those of a
// key need not be a tuple, and the first few of Kelpie's, or none, have all of Kelpie's below them.
func reachesOurs(key []byte, below bool) bool {
	ours := tuple.Pack(registry.Prefix)
	return bytes.HasPrefix(key, ours) || below && bytes.HasPrefix(ours, key)
}

// write commits what f does to the store.
func (f *writeFlags) write(ctx context.Context, write func(tx kv.Tx)) (err error) {
	s, err := f.connection.open()
	if err != nil {
		return err
	}
	defer s.close()
	store, _, err := s.openStore(ctx, f.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	_, err = kv.Transact(ctx, env.Real(), store, kv.TxOptions{}, func(_ context.Context, tx kv.Tx) (struct{}, error) {
		write(tx)
		return struct{}{}, nil
	})
	if errors.Is(err, kv.ErrCommitUnknown) {
		return cli.Advise(api.Errorf(api.CodeUnknown, "the write may or may not have happened: %v", cli.Reason(err)),
			"check with \"kelpie store get\"")
	}
	return err
}

func (k *kelpie) storeSet() *cobra.Command {
	var f writeFlags
	cmd := &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Write a value into the store",
		Long: `Write a value under a key of the cluster's store: bytes in hexadecimal after 0x,
or plain text. The command does not check that the value makes sense there. It
asks for confirmation.

` + keyHelp,
		Example: "  kelpie store set 0x01 hello --yes",
		Args:    cli.Args("KEY", "VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := f.key(args[0], false)
			if err != nil {
				return err
			}
			value := []byte(args[1])
			if digits, ok := strings.CutPrefix(args[1], "0x"); ok {
				if value, err = hex.DecodeString(digits); err != nil {
					return api.Errorf(api.CodeInvalidArgument,
						"value %q: after 0x, write hexadecimal digits, two per byte", args[1])
				}
			}
			if err := k.confirm(
				f.yes, fmt.Sprintf("Write %s to %s?", human.Counted(len(value), "byte"), args[0])); err != nil {
				return err
			}
			if err := f.write(cmd.Context(), func(tx kv.Tx) {
				registry.WriteRestored(tx, []kv.KeyValue{{Key: key, Value: value}})
			}); err != nil {
				return err
			}
			_, err = human.Fprintf(k.Stdout, "%s set: %s\n", args[0], human.Counted(len(value), "byte"))
			return err
		},
	}
	f.registerAll(cmd)
	return cmd
}

func (k *kelpie) storeClear() *cobra.Command {
	var f writeFlags
	var below bool
	cmd := &cobra.Command{
		Use:   "clear KEY",
		Short: "Delete a key of the store, or all below it",
		Long: "Delete a key of the cluster's store, and with --below all keys whose tuples\n" +
			"begin with it. The command asks for confirmation.\n\n" + keyHelp,
		Example: "  kelpie store clear 0x01 --yes",
		Args:    cli.Args("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := f.key(args[0], below)
			if err != nil {
				return err
			}
			what := args[0]
			if below {
				what += " and all keys below it"
			}
			if err := k.confirm(f.yes, "Delete "+what+"?"); err != nil {
				return err
			}
			err = f.write(cmd.Context(), func(tx kv.Tx) { registry.Erase(tx, key, below) })
			if err != nil {
				return err
			}
			_, err = human.Fprintf(k.Stdout, "%s deleted\n", what)
			return err
		},
	}
	f.registerAll(cmd)
	cmd.Flags().BoolVar(&below, "below", false, "also all keys below it")
	return cmd
}
