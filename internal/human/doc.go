// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package human writes numbers for people: short, and as exact as an eye can use. What is negative is not known, and
// is a dash.
package human
