// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package chaos

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	// judgePatience bounds the search for an order of one actor's calls.
	judgePatience = 10 * time.Second
	// opsShown is how many calls are shown of a history that is wrong.
	opsShown = 16
)

// What actors should do, one call at a time. Of a failed call nobody knows the reply.
var models = map[string]porcupine.Model{
	"counter": {
		Init: func() any { return int64(0) },
		Step: func(state, input, _ any) (bool, any) {
			n, o := state.(int64), input.(*op)
			if o.method == "add" {
				n++
			}
			return o.err != nil || o.reply == n, n
		},
	},
	"kv": {
		Init: func() any { return int64(0) },
		Step: func(state, input, _ any) (bool, any) {
			n, o := state.(int64), input.(*op)
			if o.method == "put" {
				return true, o.value
			}
			return o.err != nil || o.reply == n, n
		},
	},
}

// judgeHistory judges all that is known of an actor, within a time.
func judgeHistory(h *history, within time.Duration) (undecided bool, err error) {
	undecided, err = judgeOrder(h, min(within, judgePatience))
	if h.actor.Namespace == "counter" {
		err = errors.Join(judgeCount(h), err)
	}
	return undecided, err
}

// judgeOrder looks for an order of an actor's calls that explains all replies. If there is none it returns an error
// that shows where orders end.
func judgeOrder(h *history, within time.Duration) (undecided bool, err error) {
	if within <= 0 {
		return true, nil
	}
	model := models[h.actor.Namespace]
	switch porcupine.CheckOperationsTimeout(model, operations(h.ops), within) {
	case porcupine.Unknown:
		return true, nil
	case porcupine.Illegal:
		return false, fmt.Errorf("no order of the %d calls of %s explains their replies; the last calls up to the "+
			"first that can't be:\n%s",
			len(h.ops), h.actor, excerpt(model, h.ops))
	}
	return false, nil
}

// operations are calls as the checker wants them: those that failed are open to the end, or left out if they only read.
func operations(ops []*op) []porcupine.Operation {
	var all []porcupine.Operation
	for _, o := range ops {
		operation := porcupine.Operation{ClientId: o.caller, Input: o, Call: int64(o.called), Return: int64(o.returned)}
		if o.err != nil {
			operation.Return = math.MaxInt64
		}
		if o.err == nil || o.method != "get" {
			all = append(all, operation)
		}
	}
	return all
}

// excerpt returns the last calls up to the first whose reply can't be explained.
func excerpt(model porcupine.Model, ops []*op) string {
	ordered := slices.Clone(ops)
	slices.SortStableFunc(ordered, func(a, b *op) int { return int(a.returned - b.returned) })
	low, high := 0, len(ordered)-1
	for low < high {
		mid := (low + high) / 2
		if porcupine.CheckOperationsTimeout(model, operations(until(ordered, ordered[mid].returned)),
			time.Second) == porcupine.Illegal {
			high = mid
		} else {
			low = mid + 1
		}
	}
	var lines []string
	for _, o := range ordered[max(0, low+1-opsShown) : low+1] {
		lines = append(lines, o.String())
	}
	for _, o := range ordered[low+1:] {
		if o.called <= ordered[low].returned && len(lines) < 2*opsShown {
			lines = append(lines, o.String()+", later")
		}
	}
	return strings.Join(lines, "\n")
}

// errOpen stands for the reply of a call that has none yet.
var errOpen = errors.New("open")

// until returns the calls that began by a time, as they were then: those without an answer are open.
func until(ops []*op, at time.Duration) []*op {
	var then []*op
	for _, o := range ops {
		if o.called > at {
			continue
		}
		if o.returned > at {
			open := *o
			open.err = errOpen
			o = &open
		}
		then = append(then, o)
	}
	return then
}

// judgeCount holds a counter's last value, which was read when no call was open, against the replies to its adds: each
// acknowledged one has counted once.
func judgeCount(h *history) error {
	var final *op
	acknowledged, inDoubt := int64(0), int64(0)
	by := make(map[int64]*op)
	for _, o := range h.ops {
		switch {
		case o.method == "get":
			final = o
		case o.err != nil:
			inDoubt++
		case by[o.reply] != nil:
			return fmt.Errorf("two adds to %s were answered alike:\n%v\n%v", h.actor, by[o.reply], o)
		default:
			by[o.reply] = o
			acknowledged++
		}
	}
	if final == nil || final.err != nil {
		return nil // reported as a call that failed
	}
	if final.reply < acknowledged || final.reply > acknowledged+inDoubt {
		return fmt.Errorf("%s is %d after %d acknowledged adds, and %d that may have run", h.actor, final.reply,
			acknowledged, inDoubt)
	}
	return nil
}
