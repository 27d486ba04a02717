// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func (k *kelpie) deadLetters() *cobra.Command {
	return group("dead-letters", "List, retry and remove failed alarms and messages",
		`An alarm or a message that has failed ten times becomes a dead letter of the
actor that set or sent it. An actor keeps 1,000 dead letters, and drops the
oldest beyond that. A dead letter is written ACTOR#NUMBER, such as
cart/alice#4097.`,
		k.deadLetterList(), k.deadLetterRetry(), k.deadLetterRemove())
}

func (k *kelpie) deadLetterList() *cobra.Command {
	var req api.DeadLettersRequest
	return listCommand[api.DeadLetterRow]{
		use:   "ls",
		short: "List dead letters",
		long:  "List dead letters in order of actor, the oldest of each actor first.",
		example: `  kelpie actors dead-letters ls --namespace cart
  kelpie actors dead-letters ls --actor cart/alice -o wide`,
		args: cli.Args(),
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&req.Namespace, "namespace", "", "only of actors of this namespace")
			cmd.Flags().StringVar(&req.Actor, "actor", "", "only of this actor")
		},
		listing: deadLetterListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.DeadLetterRow) error) error {
			if err := validateDeadLetters(&req); err != nil {
				return err
			}
			return eachDeadLetterPage(ctx, s, req, emit)
		},
	}.command(k)
}

func validateDeadLetters(req *api.DeadLettersRequest) error {
	switch {
	case req.Actor != "" && req.Namespace != "":
		return api.Errorf(api.CodeInvalidArgument, "pass either --actor or --namespace, not both")
	case req.Actor != "":
		_, err := api.ParseActorID(req.Actor)
		return err
	case req.Namespace != "":
		return api.ValidateNamespace(req.Namespace)
	}
	return nil
}

// eachDeadLetterPage gives the dead letters that req selects to emit, as many as the session wants.
func eachDeadLetterPage(ctx context.Context, s *session, req api.DeadLettersRequest,
	emit func([]api.DeadLetterRow) error) error {
	return eachPage(s.limit, emit, func(limit int) ([]api.DeadLetterRow, bool, error) {
		req.Limit = limit
		reply, err := ask[api.DeadLettersRequest, api.DeadLettersReply](ctx, s, api.MethodDeadLetters, &req)
		if err != nil {
			return nil, false, err
		}
		req.After = reply.Next
		return reply.Letters, reply.Next != "", nil
	})
}

func (k *kelpie) deadLetterRetry() *cobra.Command {
	var c connection
	cmd := &cobra.Command{
		Use:   "retry LETTER...",
		Short: "Retry dead letters",
		Long: `Retry dead letters as if they had not failed yet. Their actors take them back. A
message is sent after those that its actor has sent to the same target since. An
alarm runs at once, for the time for which it was set.`,
		Example: "  kelpie actors dead-letters retry cart/alice#4097\n  kelpie actors dead-letters ls --actor " +
			"cart/alice -o name | xargs kelpie actors dead-letters retry",
		Args: atLeastOneLetter,
		RunE: func(cmd *cobra.Command, args []string) error {
			return k.eachLetter(cmd.Context(), &c, args, api.MethodDeadLetterRetry, "dead letter %s will be "+
				"retried\n")
		},
	}
	c.register(cmd.Flags())
	return cmd
}

func (k *kelpie) deadLetterRemove() *cobra.Command {
	var c connection
	var yes bool
	cmd := &cobra.Command{
		Use:     "rm LETTER...",
		Short:   "Remove dead letters",
		Long:    "Remove dead letters for good.",
		Example: "  kelpie actors dead-letters rm cart/alice#4097",
		Args:    atLeastOneLetter,
		RunE: func(cmd *cobra.Command, args []string) error {
			question := fmt.Sprintf("Remove dead letter %s?", args[0])
			if len(args) > 1 {
				question = fmt.Sprintf("Remove %d dead letters?", len(args))
			}
			if !yes {
				if err := absent(lettersExist(cmd.Context(), &c, args)); err != nil {
					return err
				}
			}
			if err := k.confirm(yes, question); err != nil {
				return err
			}
			return k.eachLetter(cmd.Context(), &c, args, api.MethodDeadLetterRm, "dead letter %s removed\n")
		},
	}
	c.register(cmd.Flags())
	registerYes(cmd, &yes)
	return cmd
}

// lettersExist fails with CodeNotFound if one of the dead letters is not there.
func lettersExist(ctx context.Context, c *connection, letters []string) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	defer s.close()
	for _, letter := range letters {
		id, number, err := api.ParseLetter(letter)
		if err != nil {
			return err
		}
		found := false
		err = eachDeadLetterPage(ctx, s, api.DeadLettersRequest{Actor: id.String()},
			func(page []api.DeadLetterRow) error {
				found = found || slices.ContainsFunc(page, func(r api.DeadLetterRow) bool { return r.Letter == letter })
				return nil
			})
		if err != nil {
			return err
		}
		if !found {
			return api.Errorf(api.CodeNotFound, "actor %s has no dead letter %d: see 'kelpie actors "+
				"dead-letters ls'", id, number)
		}
	}
	return nil
}

func atLeastOneLetter(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return api.Errorf(api.CodeInvalidArgument, "name at least one dead letter, as ACTOR#NUMBER")
	}
	for _, letter := range args {
		if _, _, err := api.ParseLetter(letter); err != nil {
			return err
		}
	}
	return nil
}

// eachLetter has something done to one dead letter after the other, up to the first that fails.
func (k *kelpie) eachLetter(ctx context.Context, c *connection, letters []string, method, said string) error {
	s, err := c.open()
	if err != nil {
		return err
	}
	defer s.close()
	for _, letter := range letters {
		if _, err := order[api.DeadLetterRequest, api.DeadLetterReply](ctx, s, method,
			&api.DeadLetterRequest{Letter: letter}); err != nil {
			return err
		}
		if _, err := human.Fprintf(k.Stdout, said, letter); err != nil {
			return err
		}
	}
	return nil
}
