// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package tui

import (
	"context"
	"errors"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// Options are how Run shows the view.
type Options struct {
	Source Source
	// Refresh is how often the cluster is asked, from RefreshMin to RefreshMax; 0 is RefreshDefault.
	Refresh time.Duration
	// NoColor is for a terminal, or a person, without colours.
	NoColor bool
	// Input and Output are the terminal's; Environment is KEY=VALUE, such as TERM.
	Input       io.Reader
	Output      io.Writer
	Environment []string
}

// Run shows the view in a terminal until its user quits, the process gets SIGINT or SIGTERM, or ctx ends, and blocks
// until then. Errors are those of the terminal.
func Run(ctx context.Context, o Options) error {
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithInput(o.Input), tea.WithOutput(o.Output),
		tea.WithEnvironment(o.Environment)}
	if o.NoColor {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	_, err := tea.NewProgram(New(o.Source, o.Refresh), options...).Run()
	if errors.Is(err, tea.ErrInterrupted) || errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}
