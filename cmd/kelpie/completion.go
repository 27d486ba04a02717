// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

const (
	// bashWords is the line of the script for bash that needs the package bash-completion.
	bashWords = "    _get_comp_words_by_ref \"$@\" cur prev words cword\n"
	// bashWordsAlone does without the package, with words that are split at blanks alone, whatever is quoted.
	bashWordsAlone = `    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local line=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"$line"
    [[ $line != *[[:space:]] ]] || words+=("")
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=${words[cword > 0 ? cword - 1 : 0]}
`
	bashNeeds = "This script depends on the 'bash-completion' package.\nIf it is not installed already, you can " +
		"install it via your OS's package manager.\n"
	bashNeedsAlone = "With the package 'bash-completion', arguments in quotes are completed, too; without it, the " +
		"others.\n"
)

// completionCommand makes the command that cobra adds a group, and its script for bash one that needs no package.
func completionCommand(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		makeGroup(cmd)
		for _, shell := range cmd.Commands() {
			if shell.Name() == "bash" {
				shell.Long = strings.Replace(shell.Long, bashNeeds, bashNeedsAlone, 1)
				shell.RunE = func(cmd *cobra.Command, _ []string) error {
					plain, err := cmd.Flags().GetBool("no-descriptions")
					if err != nil {
						return err
					}
					return writeBashCompletion(cmd.Root(), cmd.OutOrStdout(), !plain)
				}
			}
		}
	}
}

// writeBashCompletion writes the script for bash.
func writeBashCompletion(root *cobra.Command, w io.Writer, descriptions bool) error {
	var b bytes.Buffer
	if err := root.GenBashCompletionV2(&b, descriptions); err != nil {
		return err
	}
	before, after, found := strings.Cut(b.String(), bashWords)
	if !found {
		return errors.New("the script for bash is not as expected: its generator has changed")
	}
	_, err := io.WriteString(w, before+bashWordsAlone+after)
	return err
}
