// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Command leftout tells make test what this machine lacks. With -race it prints whether to run the pass under the race
// detector: yes where the detector works, and always under CI, so that a missing compiler fails there. Without, it
// prints the line that says which tests were left out, if any were.
package main
