// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/kelpiehq/kelpie/pkg/host"

func main() { host.Main(accounts, transfers) }
