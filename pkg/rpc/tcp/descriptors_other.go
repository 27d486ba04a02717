// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package tcp

// descriptors is not known here.
func descriptors() string { return "" }
