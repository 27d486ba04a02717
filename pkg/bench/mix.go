// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"strconv"
	"strings"

	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// MixMethodsMax bounds the methods of a mix: each has histograms of its own.
	MixMethodsMax = 32
	// WeightMax bounds the weight of a method, so that their sum fits everywhere.
	WeightMax = 1_000_000
)

// Share is a method and how often it is called, beside the others: weight parts of the sum of all weights.
type Share struct {
	Method string
	// Weight is from 1 to WeightMax.
	Weight int
	// Request is what the method is called with, encoded. ParseMix leaves it empty.
	Request []byte
}

// Mix is what is called, in shares.
type Mix []Share

// ParseMix reads METHOD=WEIGHT[,METHOD=WEIGHT...]. A method without a weight has weight 1. Errors are
// CodeInvalidArgument.
func ParseMix(text string) (Mix, error) {
	var m Mix
	for part := range strings.SplitSeq(text, ",") {
		method, weight, weighed := strings.Cut(strings.TrimSpace(part), "=")
		s := Share{Method: strings.TrimSpace(method), Weight: 1}
		if weighed {
			n, err := strconv.Atoi(strings.TrimSpace(weight))
			if err != nil {
				return nil, api.Errorf(api.CodeInvalidArgument, "--mix %q: the weight of %s must be a whole number "+
					"from 1 to %d, as in add=80,get=20", text, s.Method, WeightMax)
			}
			s.Weight = n
		}
		m = append(m, s)
	}
	return m, m.validate()
}

// String returns what ParseMix reads.
func (m Mix) String() string {
	parts := make([]string, len(m))
	for i, s := range m {
		parts[i] = s.Method + "=" + strconv.Itoa(s.Weight)
	}
	return strings.Join(parts, ",")
}

func (m Mix) validate() error {
	if len(m) == 0 || len(m) > MixMethodsMax {
		return api.Errorf(api.CodeInvalidArgument, "--mix: must have 1 to %d methods, and has %d", MixMethodsMax,
			len(m))
	}
	seen := make(map[string]bool)
	for _, s := range m {
		switch {
		case s.Method == "":
			return api.Errorf(api.CodeInvalidArgument, "--mix %q: a method has no name; write add=80,get=20",
				m.String())
		case len(s.Method) > api.MethodBytesMax || s.Method[0] == '$':
			return api.Errorf(api.CodeInvalidArgument, "--mix: method %q: a name has 1 to %d bytes and does not "+
				"begin with '$'", s.Method, api.MethodBytesMax)
		case seen[s.Method]:
			return api.Errorf(api.CodeInvalidArgument, "--mix: method %s appears twice; add its weights up", s.Method)
		}
		seen[s.Method] = true
		if err := within("--mix: the weight of "+s.Method+",", s.Weight, 1, WeightMax); err != nil {
			return err
		}
	}
	return nil
}

// weight is the sum of all weights.
func (m Mix) weight() int {
	sum := 0
	for _, s := range m {
		sum += s.Weight
	}
	return sum
}

// at returns the index of the method whose part of the sum of weights n lies in.
func (m Mix) at(n int) int {
	for i, s := range m {
		if n < s.Weight {
			return i
		}
		n -= s.Weight
	}
	return len(m) - 1
}
