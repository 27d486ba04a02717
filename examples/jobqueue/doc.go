// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Command jobqueue is a node that hosts job queues: producers add jobs, workers take them and report what they have
// done. It teaches sending from outside of the cluster, which is accepted durably and delivered once, and alarms as
// leases: a job whose worker falls silent goes to another one.
package main
