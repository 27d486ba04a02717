// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

// DeadErrorBytesMax is how much of an error is kept.
const DeadErrorBytesMax = 1000

// Explain puts an error into a dead letter.
func Explain(d *registry.DeadLetter, why error) {
	err := call.WireError(why)
	d.Bytes, d.Error, d.Code = len(d.Request), call.ClipTo(err.Message, DeadErrorBytesMax), err.Code.String()
	if code := err.Detail[api.DetailCode]; code != "" {
		d.Code += ":" + call.Clip(code)
	}
}
