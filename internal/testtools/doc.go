// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package testtools says which tools the tests use beyond Go, git and make. A test names those that it needs with
// Require, and is skipped where one is missing. Under CI (the variable CI, as CI systems set it) it fails instead.
//
// The package holds no state and may be used concurrently.
package testtools
