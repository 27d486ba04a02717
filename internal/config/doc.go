// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package config reads and edits configuration files: YAML whose keys are the long names of flags. It knows what line
// a value is on, so that a user of the value can say where it came from and what is wrong with it.
//
// There are two kinds. A file of settings is one mapping, of a node or of a store. A file of contexts holds several
// mappings by name, one of which is the current one, for commands that ask a cluster.
//
// Errors are CodeInvalidArgument and begin with FILE:LINE, unless a function says otherwise. Nothing here may be used
// concurrently; nothing here writes a file.
package config
