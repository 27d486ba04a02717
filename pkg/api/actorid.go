// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
)

const (
	// NamespaceBytesMax is the length of the longest namespace.
	NamespaceBytesMax = 128
	// IDBytesMax is the length of the longest id within a namespace. Both go
	// into every key of the actor, which the store limits to 10,000 bytes.
	IDBytesMax = 256
)

// ActorID names an actor: written NAMESPACE/ID.
type ActorID struct {
	Namespace string
	ID        string
}

// String returns the id as it is written, NAMESPACE/ID.
func (a ActorID) String() string { return a.Namespace + "/" + a.ID }

// ParseActorID parses NAMESPACE/ID, split at the first slash. Errors are CodeInvalidArgument.
func ParseActorID(s string) (ActorID, error) {
	ns, id, ok := strings.Cut(s, "/")
	if !ok {
		return ActorID{}, Errorf(CodeInvalidArgument, "actor %q: write NAMESPACE/ID, such as counter/a", clip(s))
	}
	a := ActorID{Namespace: ns, ID: id}
	if err := a.Validate(); err != nil {
		return ActorID{}, err
	}
	return a, nil
}

// Validate checks lengths and characters. Errors are CodeInvalidArgument.
func (a ActorID) Validate() error {
	if err := ValidateNamespace(a.Namespace); err != nil {
		return err
	}
	if a.ID == "" || len(a.ID) > IDBytesMax {
		return Errorf(CodeInvalidArgument, "actor %q: an id has 1 to %d bytes; this one has %d", clip(a.String()),
			IDBytesMax, len(a.ID))
	}
	for i := 0; i < len(a.ID); i++ {
		if c := a.ID[i]; c <= ' ' || c > '~' {
			return Errorf(CodeInvalidArgument, "actor %q: an id consists of printable ASCII without spaces; byte "+
				"%d is %s", clip(a.String()), i, byteName(c))
		}
	}
	return nil
}

// ValidateNamespace checks a namespace: 1 to 128 ASCII letters, digits, dots, hyphens and
// underscores, the first a letter or digit. Errors are CodeInvalidArgument.
func ValidateNamespace(ns string) error { return validateName("namespace", ns, NamespaceBytesMax) }

// NodeIDBytesMax is the length of the longest node name.
const NodeIDBytesMax = 128

// ValidateNodeID checks a node's name, which follows the rules of namespaces. Errors
// are CodeInvalidArgument.
func ValidateNodeID(id string) error { return validateName("node name", id, NodeIDBytesMax) }

func validateName(what, s string, bytesMax int) error {
	if s == "" || len(s) > bytesMax {
		return Errorf(CodeInvalidArgument, "%s %q: must have 1 to %d bytes; this one has %d", what, clip(s), bytesMax,
			len(s))
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '-' && c != '_') {
			return Errorf(CodeInvalidArgument, "%s %q: only letters, digits, '.', '-' and '_', beginning with a "+
				"letter or digit; byte %d is %s", what, clip(s), i, byteName(c))
		}
	}
	return nil
}

func byteName(c byte) string {
	if c > ' ' && c <= '~' {
		return fmt.Sprintf("'%c'", c)
	}
	return fmt.Sprintf("0x%02x", c)
}

// clip shortens what is shown of a rejected name.
func clip(s string) string {
	const shown = 64
	if len(s) <= shown {
		return s
	}
	return s[:shown] + "..."
}
