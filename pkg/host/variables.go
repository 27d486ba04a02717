// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// variableAnnotation marks a flag that an environment variable sets, too.
const variableAnnotation = "kelpie_variable"

// Variable names the environment variable that sets a flag which is not given. The flag's help says so.
func Variable(flags *pflag.FlagSet, flag, variable string) {
	f := flags.Lookup(flag)
	if f == nil {
		panic("host: no flag " + flag)
	}
	f.Usage += fmt.Sprintf(" [$%s]", variable)
	if f.Annotations == nil {
		f.Annotations = make(map[string][]string)
	}
	f.Annotations[variableAnnotation] = []string{variable}
}

// ReadVariables gives the flags that were not given the values of their variables, if these are
// set and not empty. Errors are CodeInvalidArgument and name the variable.
func ReadVariables(flags *pflag.FlagSet, getenv func(string) string) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		variable := f.Annotations[variableAnnotation]
		if len(variable) == 0 || f.Changed || failed != nil {
			return
		}
		value := getenv(variable[0])
		if value == "" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = api.Errorf(api.CodeInvalidArgument, "$%s is %q: %v", variable[0], value, cause(err))
		}
	})
	return failed
}

// cause is what a flag's value objects to, without the flag's name before it.
func cause(err error) error {
	if e, ok := err.(*pflag.InvalidValueError); ok {
		err = e.Unwrap()
	}
	if number, ok := errors.AsType[*strconv.NumError](err); ok {
		return errors.New(numberMistake(number))
	}
	return err
}

// numberMistake says what is wrong with a number, without the name of the function that found out.
func numberMistake(err *strconv.NumError) string {
	if errors.Is(err, strconv.ErrRange) {
		return "the number is too large or too small"
	}
	return "not a number of that kind"
}
