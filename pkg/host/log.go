// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"io"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// LogOptions say what is logged, and how. Logs go to stderr.
type LogOptions struct {
	// Level is debug, info, warn or error.
	Level string
	// Format is text or json.
	Format string
}

func (o *LogOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.Level, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&o.Format, "log-format", "text", "text or json")
	cli.Variable(flags, "log-level", "KELPIE_LOG_LEVEL")
	cli.Variable(flags, "log-format", "KELPIE_LOG_FORMAT")
}

func (o *LogOptions) validate() error {
	if _, err := o.level(); err != nil {
		return cli.OfFlag("log-level", err)
	}
	if o.Format != "text" && o.Format != "json" {
		return cli.OfFlag("log-format",
			api.Errorf(api.CodeInvalidArgument, "--log-format %q: must be text or json", o.Format))
	}
	return nil
}

func (o *LogOptions) level() (slog.Level, error) {
	switch o.Level {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, api.Errorf(api.CodeInvalidArgument, "--log-level %q: must be debug, info, warn or error", o.Level)
}

// logger returns the logger that valid options describe.
func (o *LogOptions) logger(w io.Writer) *slog.Logger {
	level, err := o.level()
	if err != nil {
		panic("host: log options that were not validated: " + err.Error())
	}
	options := &slog.HandlerOptions{Level: level}
	if o.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
