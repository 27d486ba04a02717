// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package backup copies a cluster's store into a file and out of it, whatever kinds of stores these are, and checks
// stores.
//
// A backup of an embedded store is of one moment, while the store serves: a pinned version is read. FoundationDB has
// no such versions, so there every actor is read in one transaction, but not all actors in the same: a message
// between two of them may be in the backup of neither, or of both, and what it has done with it. The header says
// which it is.
//
// The file is a line that names the format, then blocks: each has its length and CRC-32C in front (big endian, 4
// bytes each), and begins with its kind: a header and a trailer, in JSON, and data between them, pairs of key and
// value with their lengths in front as uvarints. The trailer counts, so a file that was cut off is told from a whole
// one.
//
// A restore leaves out who the nodes were, gives actors to nobody, and raises their tokens (registry.Restored). Nodes
// refuse a store in which a restore has begun and not ended.
package backup
