// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package cli is what the command kelpie and programs that are nodes share as commands: the process around them, flags
// whose values come from files and variables too, exit codes, and errors as people read them.
package cli
