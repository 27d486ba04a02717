// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// registerYes makes the flag by which a destructive command does not ask.
func registerYes(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do not ask for confirmation")
}

// askable returns an error if confirmation is needed and nobody can give it. Commands that look at the cluster before
// they ask call it first.
func (k *kelpie) askable(yes bool) error {
	if yes || k.isTerminal(k.Stdin) {
		return nil
	}
	return cli.Advise(
		api.Errorf(api.CodeFailedPrecondition, "stdin is not a terminal, so the command can't ask for "+
			"confirmation"),
		"pass --yes to confirm",
	)
}

// confirm asks whether to go on with what can't be undone, unless yes. An error says that it must not.
func (k *kelpie) confirm(yes bool, question string) error {
	if err := k.askable(yes); err != nil || yes {
		return err
	}
	if _, err := human.Fprintf(k.Stderr, "%s [y/N] ", question); err != nil {
		return err
	}
	answer, err := bufio.NewReader(k.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return api.Errorf(api.CodeFailedPrecondition, "not confirmed; nothing was done")
}
