// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
	"testing"
)

// TestLabels shows which zones, labels and preferences there are, and what is said of others.
func TestLabels(t *testing.T) {
	many := make([]string, LabelsMax+1)
	for i := range many {
		many[i] = fmt.Sprintf("k%d=v", i)
	}
	long := strings.Repeat("x", 65)
	for _, c := range []struct {
		what string
		err  error
		want string // what the error says, "" for none
	}{
		{"no zone", ValidateZone(""), ""},
		{"a zone", ValidateZone("eu-west.1_a"), ""},
		{"a zone with a space", ValidateZone("eu west"), `zone "eu west": only letters`},
		{"a long zone", ValidateZone(long), "must have 1 to 64 bytes; this one has 65"},
		{"no labels", ValidateLabels(nil), ""},
		{"labels", ValidateLabels([]string{"disk=ssd", "cpu=16", "Node=x"}), ""},
		{"as many as there may be", ValidateLabels(many[1:]), ""},
		{"too many", ValidateLabels(many), "33 labels; a node has at most 32"},
		{"no value", ValidateLabels([]string{"disk"}), `label "disk": write KEY=VALUE, such as disk=ssd`},
		{"an empty value", ValidateLabels([]string{"disk="}), "value of label disk"},
		{"an empty key", ValidateLabels([]string{"=ssd"}), "key of label"},
		{"two equals signs", ValidateLabels([]string{"a=b=c"}), "byte 1 is '='"},
		{"a key twice", ValidateLabels([]string{"a=b", "a=c"}), `label "a=c": the key a appears twice`},
		{"a key that is taken", ValidateLabels([]string{"zone=eu"}), "its zone with --zone"},
		{"a long value", ValidateLabels([]string{"a=" + long}), "1 to 64 bytes"},
		{"a preferred node", ValidatePreference("node=" + long), ""},
		{"a preferred zone", ValidatePreference("zone=eu"), ""},
		{"a preferred label", ValidatePreference("disk=ssd"), ""},
		{"no preference", ValidatePreference(""), "node=n1, zone=eu or the label disk=ssd"},
		{"a preference for a long label", ValidatePreference("a=" + long), "1 to 64 bytes"},
	} {
		if c.want == "" && c.err != nil || c.want != "" &&
			(CodeOf(c.err) != CodeInvalidArgument || !strings.Contains(c.err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.what, c.err, c.want)
		}
	}
}
