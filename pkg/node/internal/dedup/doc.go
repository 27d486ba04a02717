// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package dedup is the dedup table of an actor: the answers of calls that may be repeated. A repeat is told what the
// first was told; a call that may have run, and whose answer is gone, is refused.
package dedup
