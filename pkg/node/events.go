// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

const (
	// eventsKept is how many events a node remembers.
	eventsKept = 1000
	// askedAtOnce is how many nodes are asked at once what they know.
	askedAtOnce = 64
	// askTimeout is how long each has to answer: who looks would rather see the others.
	askTimeout = 2 * time.Second
	// eventsRepeatMax bounds how far apart nodes tell of the same.
	eventsRepeatMax = time.Minute
)

// events are what has happened to a node and its actors, as it tells it to those who look. What happens to very many
// actors at once is told as one event of so many.
type events struct {
	by string

	mu     sync.Mutex
	kept   []api.Event // in order
	number uint64
	// sums are told with the next heartbeat, or when somebody asks, in the order of sumKeys.
	sums    map[string]*api.Event
	sumKeys []string
}

// newEvents begins the numbers at the time, so that those of a node that is started again are greater.
func newEvents(by string, now time.Time) *events {
	return &events{by: by, number: uint64(max(now.UnixMicro(), 0)), sums: make(map[string]*api.Event)}
}

// tell takes note of an event.
func (es *events) tell(now time.Time, e api.Event) {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.add(now, e)
}

// add is tell. es.mu is held.
func (es *events) add(now time.Time, e api.Event) {
	es.number++
	e.Time, e.By, e.Number = rfc3339(now), es.by, es.number
	if len(es.kept) >= eventsKept {
		es.kept = append(es.kept[:0:0], es.kept[len(es.kept)-eventsKept*3/4:]...)
	}
	es.kept = append(es.kept, e)
}

// sum takes note of an event of one actor, to be told together with others of the same kind and nodes, under the
// cause of the first.
func (es *events) sum(e api.Event) {
	es.mu.Lock()
	defer es.mu.Unlock()
	key := strings.Join([]string{e.Kind, e.Node, e.From, e.To}, "\x00")
	if known := es.sums[key]; known != nil {
		known.Count++
		return
	}
	e.Count = 1
	es.sums[key] = &e
	es.sumKeys = append(es.sumKeys, key)
}

// flush tells the sums.
func (es *events) flush(now time.Time) {
	es.mu.Lock()
	defer es.mu.Unlock()
	for _, key := range es.sumKeys {
		es.add(now, *es.sums[key])
	}
	clear(es.sums)
	es.sumKeys = es.sumKeys[:0]
}

// after returns a copy of the events after a number, the newest if there are more than limit, which is not 0.
func (es *events) after(number uint64, limit int) []api.Event {
	es.mu.Lock()
	defer es.mu.Unlock()
	i, _ := slices.BinarySearchFunc(es.kept, number+1, func(e api.Event, n uint64) int {
		return cmp.Compare(e.Number, n)
	})
	found := es.kept[i:]
	if limit > 0 && len(found) > limit {
		found = found[len(found)-limit:]
	}
	return append([]api.Event{}, found...)
}

// tellTakenOver takes note of an actor that was claimed whose owner, if it had one, is gone.
func (h *host) tellTakenOver(id api.ActorID, from string) {
	if from == "" {
		return
	}
	cause := "its node lost its lease"
	switch node, _ := h.keeper.members().Node(from); node.State {
	case registry.NodeFailed:
		cause = "its node has failed"
	case registry.NodeLeft:
		cause = "its node has left"
	}
	h.events.sum(
		api.Event{Kind: api.EventTakenOver, Node: h.nodeID, Actor: id.String(), From: from, To: h.nodeID,
			Cause: cause})
}

// changedMembers tells of nodes that have come or gone between two views. All members do; only one of them is heard.
func (k *keeper) changedMembers(before, after *registry.View) {
	now := k.env.Now()
	for _, node := range after.Nodes {
		was, _ := before.Node(node.ID)
		e := api.Event{Node: node.ID, Incarnation: node.Incarnation.String()}
		switch {
		case node.Member() && was.Incarnation != node.Incarnation && node.ID == k.nodeID:
			continue // told when it joined
		case node.Member() && was.Incarnation != node.Incarnation:
			e.Kind, e.Cause = api.EventJoined, "at "+node.Address
		case node.Member() && was.State != node.State && node.State == registry.NodeDraining:
			e.Kind = api.EventDraining
		case node.Member() && was.State != node.State:
			e.Kind = api.EventUndrained
		case was.Member() && node.State == registry.NodeFailed:
			e.Kind, e.Incarnation = api.EventFailed, was.Incarnation.String()
		case was.Member() && !node.Member():
			e.Kind, e.Incarnation = api.EventLeft, was.Incarnation.String()
		default:
			continue
		}
		k.events.tell(now, e)
	}
}

// adminEvents tells what has happened, to the node or to all members.
func (adm *admin) adminEvents(ctx context.Context, in *api.EventsRequest) (*api.EventsReply, error) {
	adm.events.flush(adm.env.Now())
	reply := &api.EventsReply{Events: adm.events.after(in.After[adm.nodeID], in.Limit),
		After: make(map[string]uint64), Silent: []string{}}
	for node, number := range in.After { //kelpie:unordered into a map
		reply.After[node] = number
	}
	if !in.Here {
		here := *in
		here.Here = true
		for _, a := range askMembers[api.EventsRequest, api.EventsReply](ctx, adm.peers, api.MethodEvents, &here) {
			if a.err != nil {
				reply.Silent = append(reply.Silent, a.node.ID)
				continue
			}
			reply.Events = append(reply.Events, a.reply.Events...)
		}
	}
	for _, e := range reply.Events {
		reply.After[e.By] = max(reply.After[e.By], e.Number)
	}
	reply.Events = mergeEvents(reply.Events)
	return reply, nil
}

// mergeEvents puts what several nodes tell in order, and drops what another one tells better: with a cause, or sooner.
func mergeEvents(events []api.Event) []api.Event {
	slices.SortStableFunc(events, func(a, b api.Event) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.By, b.By), cmp.Compare(a.Number, b.Number))
	})
	type subject struct{ kind, node, incarnation string }
	best := make(map[subject]int) // the place of the one that is kept
	out := events[:0:0]
	for _, e := range events {
		s := subject{e.Kind, e.Node, e.Incarnation}
		if e.Count > 0 || e.Actor != "" || e.Incarnation == "" {
			out = append(out, e)
			continue
		}
		at, told := best[s]
		switch {
		case !told || repeats(e.Kind) && (out[at].By == e.By || apart(out[at].Time, e.Time) > eventsRepeatMax):
			best[s] = len(out)
			out = append(out, e)
		case out[at].Cause == "" && e.Cause != "":
			e.Time = out[at].Time
			out[at] = e
		}
	}
	return out
}

// repeats reports whether an event can happen more than once to one incarnation of a node.
func repeats(kind string) bool {
	return kind == api.EventDraining || kind == api.EventUndrained || kind == api.EventLeaseBroken
}

// apart is the time between two times, 0 if one is none.
func apart(a, b string) time.Duration {
	from, err := time.Parse(time.RFC3339, a)
	to, err2 := time.Parse(time.RFC3339, b)
	if err != nil || err2 != nil {
		return 0
	}
	return to.Sub(from).Abs()
}

// memberAnswer is what a member has answered.
type memberAnswer[Resp any] struct {
	node  registry.NodeInfo
	reply *Resp
	err   error
}

// askMembers asks all other members the same, some at a time, and returns their answers in order of name.
func askMembers[Req, Resp any](ctx context.Context, n *peers, method string, req *Req) []memberAnswer[Resp] {
	var out []memberAnswer[Resp]
	for _, m := range n.keeper.members().Members() {
		if m.ID != n.nodeID {
			out = append(out, memberAnswer[Resp]{node: m})
		}
	}
	permits := env.NewSemaphore(n.env, askedAtOnce)
	all := env.NewGroup(n.env, ctx)
	defer all.Stop()
	for i := range out {
		if err := permits.Acquire(ctx, 1); err != nil {
			out[i].err = err
			continue
		}
		all.Go("ask a member", func(ctx context.Context) {
			defer permits.Release(1)
			ctx, cancel := env.WithTimeout(n.env, ctx, askTimeout)
			defer cancel()
			out[i].reply, out[i].err = rpc.CallTyped[Req, Resp](ctx, n.pool, out[i].node.Address, method, req)
		})
	}
	// Each ends with ctx or after its timeout.
	_ = all.Wait(context.WithoutCancel(ctx))
	return out
}
