// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/internal/config"
	"github.com/kelpiehq/kelpie/pkg/api"
)

// ConfigFlag is the flag that names a file with the other flags' values.
const ConfigFlag = "config"

// Source is the value of a flag that says where settings are, such as --config.
type Source interface {
	pflag.Value
	// Settings returns the settings for the flags, of which it is one. What it has for flags that are not there is
	// left alone.
	Settings(flags *pflag.FlagSet, getenv func(string) string) ([]config.Setting, error)
}

// NamedSource is a Source that goes before variables if its flag was given on the command line, and BeforeVariables.
type NamedSource interface {
	Source
	BeforeVariables() bool
}

// ReadSettings gives the flags that were not given the values of their variables, if these are set and not empty; and
// those that are left, what the Sources among the flags have for them. Origin tells then where a value comes from.
// In paths, a leading ~ is $HOME. Errors are CodeInvalidArgument, or those of a Source, and name the variable, or file
// and line.
func ReadSettings(flags *pflag.FlagSet, getenv func(string) string) error {
	var failed error
	var sources []Source
	flags.VisitAll(func(f *pflag.Flag) {
		source, ok := f.Value.(Source)
		if !ok {
			return
		}
		// What was named on the command line is meant, whatever the environment says.
		if named, ok := source.(NamedSource); ok && f.Changed && named.BeforeVariables() && failed == nil {
			failed = setFromFile(flags, source, getenv)
			return
		}
		sources = append(sources, source)
	})
	flags.VisitAll(func(f *pflag.Flag) {
		if variable := VariableOf(f); variable != "" && !f.Changed && failed == nil {
			failed = setFromVariable(flags, f, variable, getenv(variable))
		}
	})
	for _, source := range sources {
		if failed != nil {
			return failed
		}
		failed = setFromFile(flags, source, getenv)
	}
	if failed != nil {
		return failed
	}
	return expandPaths(flags, getenv)
}

func setFromVariable(flags *pflag.FlagSet, f *pflag.Flag, variable, value string) error {
	if value == "" {
		return nil
	}
	if err := flags.Set(f.Name, value); err != nil {
		return api.Errorf(api.CodeInvalidArgument, "$%s is %q: %v", variable, value, Cause(err))
	}
	setOrigin(f, FromVariable, "$"+variable)
	return nil
}

func setFromFile(flags *pflag.FlagSet, source Source, getenv func(string) string) error {
	settings, err := source.Settings(flags, getenv)
	if err != nil {
		return err
	}
	for _, s := range settings {
		f := flags.Lookup(s.Flag)
		if f == nil {
			continue
		}
		if err := s.Check(f); err != nil {
			return err
		}
		if f.Changed {
			continue
		}
		if err := s.Set(flags); err != nil {
			return err
		}
		where := s.Where
		if s.Of != "" {
			where += " (" + s.Of + ")"
		}
		setOrigin(f, FromFile, where)
	}
	return nil
}

// Where the value of a flag comes from, the first that has one in this order.
const (
	FromFlag     = "flag"
	FromVariable = "variable"
	FromFile     = "file"
	FromDefault  = "default"
)

// originAnnotation marks a flag whose value is not from the command line: with the kind, and what a person is told.
const originAnnotation = "kelpie_origin"

func setOrigin(f *pflag.Flag, kind, where string) {
	if f.Annotations == nil {
		f.Annotations = make(map[string][]string)
	}
	f.Annotations[originAnnotation] = []string{kind, where}
}

// Origin returns where the value of a flag comes from, one of the constants, after ReadSettings: and what
// error messages name it, such as --addr, $KELPIE_ADDR or FILE:LINE.
func Origin(f *pflag.Flag) (kind, where string) {
	if o := f.Annotations[originAnnotation]; len(o) == 2 {
		return o[0], o[1]
	}
	if f.Changed {
		return FromFlag, "--" + f.Name
	}
	return FromDefault, FromDefault
}

// detailFlag is the key in an error's details of the flag whose value is wrong.
const detailFlag = "flag"

// OfFlag marks err, if it is an *api.Error, as being of the value of a flag, so that Execute can say where that comes
// from.
func OfFlag(flag string, err error) error {
	if e, ok := errors.AsType[*api.Error](err); ok {
		if e.Detail == nil {
			e.Detail = make(map[string]string)
		}
		e.Detail[detailFlag] = flag
	}
	return err
}

// blame makes an error that OfFlag has marked say where the value comes from, unless the flag was given.
func Blame(flags *pflag.FlagSet, err error) error {
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Detail[detailFlag] == "" {
		return err
	}
	f := flags.Lookup(e.Detail[detailFlag])
	if f == nil {
		return err
	}
	kind, where := Origin(f)
	if kind == FromFlag || kind == FromDefault {
		return err
	}
	e.Message = fmt.Sprintf("%s: %s: %s", where, f.Name, strings.TrimPrefix(e.Message, "--"+f.Name+" "))
	return err
}
