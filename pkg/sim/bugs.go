// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/coro"
)

// bug is a defect that is planted to see whether the checkers find it. It is made of wrappers around what a node is
// given; the node is the one that runs in production.
type bug struct {
	Entry
	// checkers are those that ought to find it.
	checkers []string
	// shows are the workloads of a run that plants it, unless some were asked for; nil is as for any run. They are
	// for those that only show by a few: what else clients would do costs time, and finds nothing.
	shows []string
	// store, env and kinds wrap what a process is given; nil for what stays as it is.
	store func(t *tampered)
	env   func(l *life, m *coro.Machine) env.Env
	kinds func([]actor.Kind) []actor.Kind
}

func (b bug) name() string { return b.Name }

func bugNamed(name string) *bug { return byName(bugs, name) }

// Checkers that find a bug by what callers saw.
var (
	byAnswers = []string{"linearizable", "lists", "conservation"}
	byOwners  = []string{"single-activation", "tokens"}
)

// byReading are workloads that read often.
var byReading = []string{"register", "counter", "hot"}

func either(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

var bugs []bug

// A table that is filled here, as what it holds refers to it.
func init() {
	bugs = []bug{
		{Entry: Entry{"unfenced-commit", "commits a state without a conflict on the claim"}, checkers: byOwners,
			store: unfencedCommit},
		{Entry: Entry{"claim-unread", "claims an actor without a conflict on what it read"}, checkers: byOwners,
			store: claimUnread},
		{Entry: Entry{"placement-trusted", "a node that is sent a call takes the actor, whichever node owns it"},
			checkers: byOwners, store: placementTrusted},
		{Entry: Entry{"early-reply", "answers a batch before it is committed"}, checkers: byAnswers,
			store: earlyReply},
		{Entry: Entry{"fenced-goes-on", "a node that has lost its lease does not notice"},
			checkers: either(byAnswers, byOwners), store: fencedGoesOn},
		{Entry: Entry{"wall-clock-lease", "a node believes in its lease for as long as its wall clock says"},
			checkers: either(byAnswers, byOwners), shows: byReading, store: wallClockLease},
		{Entry: Entry{"unknown-is-success", "takes a commit with an unknown outcome for done"},
			checkers: byAnswers, store: unknownIsSuccess},
		{Entry: Entry{"unknown-is-failure", "takes a commit with an unknown outcome for refused"},
			checkers: byAnswers, store: unknownIsFailure},
		{Entry: Entry{"blind-scan", "a scan does not see the transaction's own writes"},
			checkers: []string{"store", "linearizable"}, store: blindScan},
		{Entry: Entry{"unchecked-ranges", "a commit does not check what a scan has read"},
			checkers: []string{"store"}, shows: []string{"store"}, store: uncheckedRanges},
		{Entry: Entry{"former-owner-releases", "a former owner releases the claim of the next"}, checkers: byOwners,
			store: formerOwnerReleases},
		{Entry: Entry{"epoch-kept", "a process that starts again keeps the lease of the one before"},
			checkers: []string{"membership"}, store: epochKept, env: sameIncarnation},
		{Entry: Entry{"unreadable-is-empty", "takes a state that can't be read for empty"}, checkers: byAnswers,
			store: unreadableIsEmpty},
		{Entry: Entry{"barrier-skipped", "answers a read by what the last heartbeat said about the lease"},
			checkers: either(byAnswers, byOwners), store: barrierSkipped},
		{Entry: Entry{"barrier-joined-late", "answers a read by a barrier that began before the read arrived"},
			checkers: either(byAnswers, byOwners), store: barrierJoinedLate},
		{Entry: Entry{"missed-stop", "now and then, loses a wake-up that comes before its task waits"},
			checkers: []string{"liveness", "leaks"}, shows: []string{"cold", "idle"}, env: missedStop},
		{Entry: Entry{
			"evicted-waiting", "calls that arrive for an actor while it is being deactivated wait forever"},
			checkers: []string{"liveness", "leaks"}, env: evictedWaiting},
		{Entry: Entry{"claim-without-seq", "writes a claim without a conflict on seq"}, checkers: byOwners,
			shows: []string{"hot", "register", "counter"}, store: claimWithoutSeq},
		{Entry: Entry{"renewed-unread", "sends a refused commit again at a new version, without reading the " +
			"claim"}, checkers: byOwners, store: renewedUnread},
		{Entry: Entry{"barrier-remembers", "compares a barrier with the revocations that the node remembers"},
			checkers: either(byAnswers, byOwners), store: barrierRemembers},
		{Entry: Entry{"own-claim-adopted", "a node that finds its own claim keeps it as it is, without writing it"},
			checkers: byOwners, store: ownClaimAdopted},
		{Entry: Entry{"silent-break", "breaking a claim does not touch its owner's fence"}, checkers: byOwners,
			store: silentBreak},
		{Entry: Entry{"unproved-batch", "answers a batch that writes nothing without a barrier"},
			checkers: byAnswers, shows: byReading, kinds: unprovedBatch},
		{Entry: Entry{"unproved-session", "a volatile actor answers without a barrier"},
			checkers: []string{"sessions"}, shows: []string{"session"}, kinds: unprovedSession},
		{Entry: Entry{"foreign-incarnation", "after a join with an unknown outcome, takes another process's " +
			"incarnation for its own"}, checkers: []string{"membership"}, shows: []string{"cold"},
			store: foreignIncarnation},
		{Entry: Entry{"rejoin-regardless", "a process that has lost its lease joins again, though a newer one has " +
			"its name"}, checkers: []string{"membership"}, store: rejoinRegardless},
		{Entry: Entry{"own-fence-unread", "claims an actor without reading the node's own fence"}, checkers: byOwners,
			store: ownFenceUnread},
		{Entry: Entry{"impatient-watcher", "a watcher does not see that a node still sends heartbeats"},
			checkers: []string{"fencing"}, store: impatientWatcher},
		{Entry: Entry{"answers-forgotten", "a repeated call runs again once its actor has been activated again"},
			checkers: byAnswers, store: answersForgotten},
		{Entry: Entry{"pruned-early", "some dedup entries are lost before their callers have the answers"},
			checkers: byAnswers, store: prunedEarly},
		{Entry: Entry{
			"floor-forgotten", "the low-water mark is lost: no one knows which dedup entries may have been dropped"},
			checkers: byAnswers, store: floorForgotten},
		{Entry: Entry{"rollback-incomplete", "some of what a failed call has done stays in memory"},
			checkers: byAnswers, kinds: rollbackIncomplete},
		{Entry: Entry{"own-chance", "a handler that runs again draws other random numbers"},
			checkers: []string{"errors", "conservation", "liveness"}, kinds: ownChance},
		{Entry: Entry{"marks-forgotten", "a receiver forgets which messages it has handled when it is activated " +
			"again"}, checkers: []string{"due"}, store: marksForgotten},
		{Entry: Entry{"alarm-left", "an alarm that has run is still set once its actor is activated again"},
			checkers: []string{"due"}, store: alarmLeft},
		{Entry: Entry{"outbox-unkept", "messages that were sent are not stored"}, checkers: []string{"due"},
			store: outboxUnkept},
		{Entry: Entry{"due-unlisted", "the wake-up index does not list actors with pending work"},
			checkers: []string{"due"},
			store:    dueUnlisted},
		{Entry: Entry{"released-unannounced", "releasing an actor with pending work raises no counter"},
			checkers: []string{"due"}, store: releasedUnannounced},
		{Entry: Entry{"short-listing", "a listing loses a row of every full page"}, checkers: []string{"listings"},
			store: shortListing},
	}
}
