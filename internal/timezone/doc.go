// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package timezone has the time zones of the IANA database, release 2025c, in the program itself. The database of
// the machine is never read: all nodes of one version of the program compute the same times.
//
// The file zoneinfo.zip is that of Go's lib/time, in the public domain. To renew it, copy the one of a newer Go and
// name its release here.
package timezone
