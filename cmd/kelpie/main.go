// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/host"
)

//go:generate go test -count=1 -run TestGenerated . -rewrite

func main() {
	endWithParent()
	host.Exit(run(cli.System(), os.Args[1:]))
}
