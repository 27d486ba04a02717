// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

func (k *kelpie) sends() *cobra.Command {
	return group("sends", "List and drop messages that are not delivered yet",
		`A message that an actor has sent waits in its outbox until its target has handled
it. One that fails is tried again after a pause, and those to the same target
wait behind it; after ten failures it becomes a dead letter (see "kelpie actors
dead-letters"). A message is written ACTOR#NUMBER, such as cart/alice#4097.`,
		k.sendList(), k.sendDrop())
}

var sendListing = listing[api.SendRow]{
	name: func(r *api.SendRow) string { return r.Send },
	fields: []field[api.SendRow]{
		{key: "send", meaning: "its name, ACTOR#NUMBER", header: "SEND",
			cell: func(r *api.SendRow) string { return r.Send }},
		{key: "actor", meaning: "the actor that has sent it", header: "ACTOR", wide: true,
			cell: func(r *api.SendRow) string { return r.Actor }},
		{key: "target", meaning: "the actor that is to handle it", header: "TARGET",
			cell: func(r *api.SendRow) string { return dash(r.Target) }},
		{key: "method", meaning: "the method that it calls", header: "METHOD",
			cell: func(r *api.SendRow) string { return dash(r.Method) }},
		{key: "sent", meaning: "when it was sent, by the clock of the actor's node", header: "SENT", wide: true,
			cell: func(r *api.SendRow) string { return dash(r.Sent) }},
		{key: "age_ms", meaning: "how long it has waited, by the clock of the node that was asked", header: "AGE",
			cell: func(r *api.SendRow) string { return millis(r.AgeMillis) }},
		{key: "attempts", meaning: "how often it has failed; that it can't be delivered at all is no failure",
			header: "ATTEMPTS", cell: func(r *api.SendRow) string { return strconv.Itoa(r.Attempts) }},
		{key: "next", meaning: "when it is tried again; empty if a try has begun, or if it waits for one before it",
			header: "NEXT", wide: true, cell: func(r *api.SendRow) string { return dash(r.Next) }},
		{key: "error", meaning: "why the last try did not deliver it, empty if none has ended", header: "ERROR",
			wide: true, cell: func(r *api.SendRow) string { return dash(r.Error) }},
		{key: "request_bytes", meaning: "size of the encoded request", header: "BYTES", wide: true,
			cell: func(r *api.SendRow) string { return strconv.Itoa(r.RequestBytes) }},
	},
}

func (k *kelpie) sendList() *cobra.Command {
	var req api.SendsRequest
	return listCommand[api.SendRow]{
		use:   "ls",
		short: "List messages that are not delivered yet",
		long: `List the messages that are not delivered yet, in order of their senders, the
oldest of each sender first. Listing them does not activate their senders. The
list is printed page by page as it is read: a message that is delivered
meanwhile may be in it or not.`,
		example: `  kelpie sends ls --namespace cart
  kelpie sends ls --to stock/warehouse-1 --overdue -o wide`,
		args: cli.Args(),
		flags: func(cmd *cobra.Command) {
			registerOwner(cmd, &req.Namespace, &req.Actor, &req.Prefix)
			k.registerTarget(cmd, &req.Target)
			cmd.Flags().BoolVar(&req.Overdue, "overdue", false, "only messages that have waited for more than a minute")
		},
		listing: sendListing,
		fetch: func(ctx context.Context, s *session, _ []string, emit func([]api.SendRow) error) error {
			if err := validateOwner(req.Namespace, req.Actor, req.Prefix); err != nil {
				return err
			}
			if err := validateTarget(req.Target); err != nil {
				return err
			}
			return eachSendPage(ctx, s, req, emit)
		},
	}.command(k)
}

// registerTarget makes the flag that selects messages by target.
func (k *kelpie) registerTarget(cmd *cobra.Command, target *string) {
	cmd.Flags().StringVar(target, "to", "", "only messages to this actor")
	must(cmd.RegisterFlagCompletionFunc("to", k.completeActor))
}

func validateTarget(target string) error {
	if target == "" {
		return nil
	}
	_, err := api.ParseActorID(target)
	return err
}

// eachSendPage gives the messages that req selects to emit, as many as the session wants.
func eachSendPage(ctx context.Context, s *session, req api.SendsRequest, emit func([]api.SendRow) error) error {
	return eachPage(s.limit, emit, func(limit int) ([]api.SendRow, bool, error) {
		req.Limit = limit
		reply, err := ask[api.SendsRequest, api.SendsReply](ctx, s, api.MethodSends, &req)
		if err != nil {
			return nil, false, err
		}
		req.After = reply.Next
		return reply.Sends, reply.Next != "", nil
	})
}

func (k *kelpie) sendDrop() *cobra.Command {
	var c connection
	var yes bool
	var target string
	cmd := &cobra.Command{
		Use:   "drop ACTOR[#NUMBER]",
		Short: "Drop messages that are not delivered yet",
		Long: `Drop a message of an actor that is not delivered yet, or all of them, for good:
they do not become dead letters. What waits behind them is delivered. The answer
says how many were handled before they could be dropped, and how many may have
been handled, or may still be: those that were on their way and are not answered
within two seconds, and those that another activation may have tried to deliver.`,
		Example: `  kelpie sends drop cart/alice#4097
  kelpie sends drop cart/alice --to stock/warehouse-1`,
		Args: cli.Args("ACTOR[#NUMBER]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := parseSends(args[0])
			if err != nil {
				return err
			}
			req.Target = target
			if err := validateTarget(target); err != nil {
				return err
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			defer s.close()
			if err := absent(sendsExist(cmd.Context(), s, req)); err != nil {
				return err
			}
			if err := k.confirm(yes, dropQuestion(req)); err != nil {
				return err
			}
			reply, err := order[api.SendDropRequest, api.SendDropReply](cmd.Context(), s, api.MethodSendDrop, req)
			if err != nil {
				return err
			}
			return k.printDropped(req.Actor, reply)
		},
	}
	c.register(cmd.Flags())
	k.registerTarget(cmd, &target)
	registerYes(cmd, &yes)
	cmd.ValidArgsFunction = onlyFirst(k.completeActor)
	return cmd
}

// printDropped tells what has become of messages.
func (k *kelpie) printDropped(actor string, reply *api.SendDropReply) error {
	text := fmt.Sprintf("actor %s: %s dropped", actor, human.Counted(reply.Dropped, "message"))
	if reply.Unclear > 0 {
		text += fmt.Sprintf("; %d of them may have been handled, or may still be: no answer to a try is known",
			reply.Unclear)
	}
	if reply.Delivered > 0 {
		text += fmt.Sprintf("; %d more had been handled already", reply.Delivered)
	}
	_, err := human.Fprintf(k.Stdout, "%s\n", text)
	return err
}

// parseSends takes an actor, or a message of one, apart.
func parseSends(arg string) (*api.SendDropRequest, error) {
	actor, digits, one := strings.Cut(arg, "#")
	if id, err := api.ParseActorID(arg); err == nil && !one {
		return &api.SendDropRequest{Actor: id.String()}, nil
	}
	if id, number, err := api.ParseLetter(arg); err == nil && number != 0 {
		return &api.SendDropRequest{Actor: id.String(), Number: number}, nil
	}
	if _, err := api.ParseActorID(actor); err != nil {
		return nil, err
	}
	return nil, api.Errorf(api.CodeInvalidArgument, "message %q: %q is not a number; write ACTOR#NUMBER, as 'kelpie "+
		"sends ls' prints it, or ACTOR for all", arg, digits)
}

func dropQuestion(req *api.SendDropRequest) string {
	to := ""
	if req.Target != "" {
		to = " to " + req.Target
	}
	if req.Number != 0 {
		return fmt.Sprintf("Drop message %s#%d%s?", req.Actor, req.Number, to)
	}
	return fmt.Sprintf("Drop all messages of %s%s that are not delivered yet?", req.Actor, to)
}

// sendsExist fails with CodeNotFound if no message is as req says.
func sendsExist(ctx context.Context, s *session, req *api.SendDropRequest) error {
	in := api.SendsRequest{Actor: req.Actor, Target: req.Target, Limit: 1}
	if req.Number > 0 {
		in.After = req.Actor + "#" + strconv.FormatUint(req.Number-1, 10)
	}
	reply, err := ask[api.SendsRequest, api.SendsReply](ctx, s, api.MethodSends, &in)
	if err != nil {
		return err
	}
	if len(reply.Sends) > 0 && (req.Number == 0 || strings.HasSuffix(reply.Sends[0].Send,
		"#"+strconv.FormatUint(req.Number, 10))) {
		return nil
	}
	if err := absent(wantCalled(ctx, s, req.Actor)); err != nil {
		return err
	}
	return api.Errorf(api.CodeNotFound, "actor %s has no such message that is not delivered yet: see 'kelpie sends ls "+
		"--actor %s'", req.Actor, req.Actor)
}
