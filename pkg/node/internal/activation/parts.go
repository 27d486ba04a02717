// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package activation

import (
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/node/internal/router"
	"github.com/kelpiehq/kelpie/pkg/node/internal/schedule"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
)

// Parts are what the activations of a node work with. They are the same for all.
type Parts struct {
	telemetry.Scope
	Router   *router.Router
	Members  *membership.Manager
	Contact  *membership.Contact
	Barrier  *membership.Barrier
	Timers   *schedule.Timers
	Outboxes *schedule.Outboxes
	Meter    *telemetry.Meter
	Trials   *trials
	// Claims bounds how many claims are taken, or committed again for their marks, at once.
	Claims *env.Semaphore
	// MaxRecords is how many answers an actor keeps, MaxBatch how many calls are committed together; 0 is no limit.
	MaxRecords, MaxBatch int
	// CheckReads compares the state before and after each reading method; ReadChanged, if not nil, hears of each that
	// has changed it.
	CheckReads  bool
	ReadChanged func(id api.ActorID, method string)
	// Crashed notes that the actor's code has ended its goroutine where no call runs, and returns err with the time
	// after which to try again.
	Crashed func(id api.ActorID, err error) error
	// GiveUp gives up the activation in a mailbox whose task ends in the middle of the actor's code.
	GiveUp func(s *mailbox.Mailbox)
}
