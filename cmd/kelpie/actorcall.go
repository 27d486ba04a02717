// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func (k *kelpie) actorCall() *cobra.Command {
	var c connection
	var key string
	cmd := &cobra.Command{
		Use:   "call ACTOR METHOD [JSON]",
		Short: "Call a method of an actor",
		Long: `Call a method of an actor, wherever the actor is, and print its reply as JSON.
The request is a JSON value: pass it as an argument, or pass - to read it from
stdin. A method that wants a request is not called without one. Whole numbers
are exact in 64 bits. Binary data in a reply is a string of hexadecimal digits
after 0x.

If a call ends with exit code 4, it may have been executed. Repeat it under the
same --idempotency-key, and it is not executed twice.`,
		Example: "  kelpie actors call counter/a add 5\n  kelpie actors call counter/a get\n  kelpie actors call " +
			"kv/settings put '{\"key\":\"colour\",\"value\":\"red\"}'\n  kelpie actors call kv/settings put - " +
			"<request.json",
		Args: cli.Args("ACTOR", "METHOD", "JSON?"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := api.ParseActorID(args[0])
			if err != nil {
				return err
			}
			if err := validateMethod(args[1]); err != nil {
				return err
			}
			if len(key) > api.IdempotencyKeyBytesMax {
				return api.Errorf(api.CodeInvalidArgument, "--idempotency-key has %d bytes; use at most %d", len(key),
					api.IdempotencyKeyBytesMax)
			}
			body := noRequest
			if len(args) == 3 {
				if body, err = readRequest(args[2], k.Stdin); err != nil {
					return err
				}
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			reply, err := s.invoke(cmd.Context(), id, args[1], key, body)
			if api.CodeOf(err) == api.CodeInvalidArgument && len(args) == 2 {
				err = cli.Advise(err, "pass the request as JSON after the method: kelpie actors call %s %s JSON",
					args[0], args[1])
			}
			if err != nil {
				return err
			}
			return k.printReply(reply)
		},
	}
	c.register(cmd.Flags())
	cmd.Flags().StringVar(&key, "idempotency-key", "", "name of the call; repeating the call under this name "+
		"does not execute it twice")
	return cmd
}

// noRequest is the request of a call without JSON: nil. Methods that want a request refuse it.
var noRequest = []byte{0xc0}

// validateMethod keeps Kelpie's own methods, which have commands, from being called by chance.
func validateMethod(method string) error {
	if method == "" || len(method) > api.MethodBytesMax {
		return api.Errorf(api.CodeInvalidArgument, "method %q: a method name has 1 to %d bytes", method,
			api.MethodBytesMax)
	}
	if method[0] == '$' {
		return api.Errorf(api.CodeInvalidArgument, "method %q: names that begin with '$' are reserved; use "+
			"'actors rm' to delete an actor's state", method)
	}
	return nil
}

func (k *kelpie) printReply(reply []byte) error {
	if len(reply) == 0 {
		return nil // a method without an answer
	}
	text, err := transcodeAll(reply)
	if err != nil {
		return cli.Advise(
			api.Errorf(api.CodeInternal, "the actor was called, but its reply of %d bytes is not msgpack", len(reply)),
			"call it from a program",
		)
	}
	_, err = human.Fprintf(k.Stdout, "%s\n", text)
	return err
}

func (k *kelpie) actorRemove() *cobra.Command {
	var c connection
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm ACTOR",
		Short: "Delete an actor's state",
		Long: "Delete all state of an actor. Every actor exists, so this one still does: its\n" +
			"next call finds it new.",
		Example: "  kelpie actors rm counter/a",
		Args:    cli.Args("ACTOR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := api.ParseActorID(args[0])
			if err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			if err := absent(wantCalled(cmd.Context(), s, args[0])); err != nil {
				return err
			}
			if err := k.confirm(yes, fmt.Sprintf("Delete the state of actor %s?", id)); err != nil {
				return err
			}
			if _, err := s.invoke(cmd.Context(), id, api.MethodDestroy, "", nil); err != nil {
				return err
			}
			_, err = human.Fprintf(k.Stdout, "state of actor %s deleted\n", id)
			return err
		},
	}
	c.register(cmd.Flags())
	registerYes(cmd, &yes)
	return cmd
}
