// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"
)

const (
	// ZoneBytesMax is the length of the longest name of a zone.
	ZoneBytesMax = 64
	// LabelKeyBytesMax and LabelValueBytesMax are the lengths of the longest key and value of a label.
	LabelKeyBytesMax   = 64
	LabelValueBytesMax = 64
	// LabelsMax is the maximum number of labels of a node. Every node keeps the labels of all nodes.
	LabelsMax = 32
)

// PreferNode and PreferZone are what a preference of placement calls a node's name and zone; no label has these keys.
const (
	PreferNode = "node"
	PreferZone = "zone"
)

// ValidateZone checks the name of a zone, which follows the rules of namespaces, with at most 64 bytes; "" is no zone.
// Errors are CodeInvalidArgument.
func ValidateZone(zone string) error {
	if zone == "" {
		return nil
	}
	return validateName("zone", zone, ZoneBytesMax)
}

// ValidateLabels checks labels, each KEY=VALUE, of which no two have the same key. Key and value follow the rules of
// namespaces, with at most 64 bytes. Errors are CodeInvalidArgument.
func ValidateLabels(labels []string) error {
	if len(labels) > LabelsMax {
		return Errorf(CodeInvalidArgument, "%d labels; a node has at most %d", len(labels), LabelsMax)
	}
	var keys []string
	for _, l := range labels {
		key, err := validatePair("label", l)
		switch {
		case err != nil:
			return err
		case key == PreferNode || key == PreferZone:
			return Errorf(CodeInvalidArgument, "label %q: reserved key; name a node with --node-id, and its zone "+
				"with --zone", clip(l))
		case slices.Contains(keys, key):
			return Errorf(CodeInvalidArgument, "label %q: the key %s appears twice", clip(l), key)
		}
		keys = append(keys, key)
	}
	return nil
}

// ValidatePreference checks which nodes placement is to prefer: node=NAME, zone=NAME, or a label, KEY=VALUE. Errors are
// CodeInvalidArgument.
func ValidatePreference(p string) error {
	_, err := validatePair("preference", p)
	return err
}

// validatePair checks KEY=VALUE and returns the key.
func validatePair(what, pair string) (string, error) {
	key, value, ok := strings.Cut(pair, "=")
	if !ok {
		example := "disk=ssd"
		if what == "preference" {
			example = "node=n1, zone=eu or the label disk=ssd"
		}
		return "", Errorf(CodeInvalidArgument, "%s %q: write KEY=VALUE, such as %s", what, clip(pair), example)
	}
	if err := validateName("key of "+what, key, LabelKeyBytesMax); err != nil {
		return "", err
	}
	bytesMax := LabelValueBytesMax
	if key == PreferNode {
		bytesMax = NodeIDBytesMax
	}
	return key, validateName("value of "+what+" "+key, value, bytesMax)
}
