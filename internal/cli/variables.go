// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"
)

// variableAnnotation marks a flag that an environment variable sets, too.
const VariableAnnotation = "kelpie_variable"

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
	f.Annotations[VariableAnnotation] = []string{variable}
}

// VariableOf returns the environment variable that sets a flag, "" if there is none.
func VariableOf(f *pflag.Flag) string {
	if name := f.Annotations[VariableAnnotation]; len(name) > 0 {
		return name[0]
	}
	return ""
}

// cause is what a flag's value objects to, without the flag's name before it.
func Cause(err error) error {
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
