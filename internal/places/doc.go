// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package places remembers where actors were last found, for those who call them: clients and nodes. What it says
// is a guess, which the node that is asked corrects. A Places is not safe for concurrent use.
package places
