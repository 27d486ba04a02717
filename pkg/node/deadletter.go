// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// deadErrorBytesMax is how much of an error is kept.
const deadErrorBytesMax = 1000

// explain puts an error into a dead letter.
func explain(d *registry.DeadLetter, why error) {
	err := wireError(why)
	d.Bytes, d.Error, d.Code = len(d.Request), clipTo(err.Message, deadErrorBytesMax), err.Code.String()
	if code := err.Detail[api.DetailCode]; code != "" {
		d.Code += ":" + clip(code)
	}
}
