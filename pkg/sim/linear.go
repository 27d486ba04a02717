// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/kelpiehq/kelpie/pkg/api"
)

// linearPatience bounds the search for an order of one actor's calls, in real time. A history without a
// verdict by then is reported as undecided; it is no violation.
const linearPatience = 5 * time.Second

// pictureTime bounds the search for the picture of a history, in real time.
const pictureTime = 5 * time.Second

// models are what actors of a namespace should do, one call at a time.
var models = map[string]porcupine.Model{
	"counter":  numberModel,
	"account":  numberModel,
	"register": registerModel,
	"kv":       kvModel,
	wiped:      wipedModel,
	huge:       hugeModel,
	poison:     numberModel,
}

// linearizable checks the calls of each actor that has a model.
func (w *world) linearizable() {
	histories := w.history.byActor()
	for _, id := range sortedActors(histories) {
		if _, ok := models[id.Namespace]; ok && id.Namespace != "counter" {
			w.judgeHistory(id, histories[id])
		}
	}
}

// judgeHistory looks for an order of the calls of an actor that explains every answer.
func (w *world) judgeHistory(id api.ActorID, ops []*Op) {
	model := models[id.Namespace]
	switch porcupine.CheckOperationsTimeout(model, operations(ops), linearPatience) {
	case porcupine.Illegal:
		at, what := w.now(), "which of them is to blame was not found in time"
		if op := culprit(model, ops); op != nil {
			at, what = op.To, op.String()
		}
		w.violateAt(at, "linearizable", "no order of the %d calls of %s explains their answers: %s", len(ops), id, what)
		w.picture(id, ops)
	case porcupine.Unknown:
		w.undecided++
	}
}

// picture keeps what shows how far an order of an actor's calls goes, for a run that is traced.
func (w *world) picture(id api.ActorID, ops []*Op) {
	if !w.Trace {
		return
	}
	model := models[id.Namespace]
	_, info := porcupine.CheckOperationsVerbose(model, operations(ops), pictureTime)
	w.pictures = append(w.pictures, Picture{Actor: id, model: model, info: info})
}

// byActor returns the calls of each actor in the order they began.
func (h *history) byActor() map[api.ActorID][]*Op {
	out := make(map[api.ActorID][]*Op)
	for _, op := range h.ops {
		out[op.Actor] = append(out[op.Actor], op)
	}
	return out
}

func sortedActors[T any](m map[api.ActorID]T) []api.ActorID {
	out := slices.Collect(maps.Keys(m)) //kelpie:unordered sorted below
	slices.SortFunc(out, func(a, b api.ActorID) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// operations are calls as the checker wants them: without those that changed nothing, and with those that nobody knows
// about open to the end.
func operations(ops []*Op) []porcupine.Operation {
	var out []porcupine.Operation
	clients := make(map[string]int)
	for _, op := range ops {
		if op.Outcome == Refused || op.Outcome == Pending && readsOnly(op.Method) {
			continue
		}
		if _, ok := clients[op.Client]; !ok {
			clients[op.Client] = len(clients)
		}
		o := porcupine.Operation{ClientId: clients[op.Client], Input: op, Call: op.Called, Output: op,
			Return: op.Returned}
		if op.Outcome == Pending {
			o.Return = math.MaxInt64
			// Its client goes on while it is open.
			o.ClientId = 1000 + len(out)
		}
		out = append(out, o)
	}
	return out
}

func readsOnly(method string) bool {
	switch method {
	case "get", "read", "balance", "items", "scan", "done", "look", "size":
		return true
	}
	return false
}

// culprit returns the call whose answer cannot be explained: the first, in order of the answers, without which the
// calls before it can. It is nil if it could not be found in time.
func culprit(model porcupine.Model, ops []*Op) *Op {
	ordered := slices.Clone(ops)
	slices.SortStableFunc(ordered, func(a, b *Op) int { return compareReturn(a, b) })
	low, high := 0, len(ordered)
	for low < high {
		mid := (low + high) / 2
		if porcupine.CheckOperationsTimeout(model, operations(until(ops, ordered[:mid+1])),
			time.Second) == porcupine.Illegal {
			high = mid
		} else {
			low = mid + 1
		}
	}
	if low >= len(ordered) {
		return nil
	}
	return ordered[low]
}

func compareReturn(a, b *Op) int {
	switch {
	case a.Returned == b.Returned:
		return 0
	case a.Returned == 0 || b.Returned != 0 && a.Returned > b.Returned:
		return 1
	}
	return -1
}

// until returns the history as it was when the last of some calls was answered: what had not been answered by then is
// open.
func until(ops, answered []*Op) []*Op {
	last := answered[len(answered)-1].Returned
	if last == 0 {
		return ops
	}
	var out []*Op
	for _, op := range ops {
		switch {
		case op.Called > last:
		case op.Returned != 0 && op.Returned <= last || op.Outcome == Pending:
			out = append(out, op)
		default:
			open := *op
			open.Outcome, open.Returned = Pending, 0
			out = append(out, &open)
		}
	}
	return out
}

// step makes a porcupine model of a function of the state and a call: it returns the state after the call, and whether
// the call's answer fits, if it has one.
func step[S any](init S, equal func(a, b S) bool, f func(s S, op *Op) (S, bool)) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return init },
		Step: func(state, input, _ any) (bool, any) {
			op := input.(*Op)
			next, fits := f(state.(S), op)
			return fits || op.Outcome == Pending, next
		},
		Equal:             func(a, b any) bool { return equal(a.(S), b.(S)) },
		DescribeOperation: func(input, _ any) string { return input.(*Op).String() },
		DescribeState:     func(state any) string { return sprintf("%v", state) },
	}
}

func same[T comparable](a, b T) bool { return a == b }

// numberModel is a counter and an account.
var numberModel = step(int64(0), same[int64], func(n int64, op *Op) (int64, bool) {
	switch op.Method {
	case "add":
		return n + op.Input.(int64), op.Output == n+op.Input.(int64)
	case "fail":
		return n, op.Output == applicationCode("refused")
	case "move":
		if n+op.Input.(int64) < -overdraft {
			return n, op.Output == applicationCode(codeShort)
		}
		return n + op.Input.(int64), op.Output == n+op.Input.(int64)
	}
	return n, op.Output == n
})

var registerModel = step("", same[string], func(v string, op *Op) (string, bool) {
	if op.Method == "swap" {
		return op.Input.(string), op.Output == v
	}
	return v, op.Output == v
})

// kvModel is an ordered map, of which a scan shows all.
var kvModel = step([]pair(nil), slices.Equal[[]pair], func(all []pair, op *Op) ([]pair, bool) {
	switch op.Method {
	case "set":
		return withPair(all, op.Input.(pair)), op.Output == true
	case "delete":
		key := op.Input.(string)
		return slices.DeleteFunc(slices.Clone(all), func(p pair) bool { return p.Key == key }), op.Output == true
	case "get":
		return all, op.Output == valueOf(all, op.Input.(string))
	case "swap":
		p := op.Input.(pair)
		seen, ok := op.Output.([]string)
		return withPair(all, p), ok && slices.Equal(seen, []string{valueOf(all, p.Key), p.Value})
	case "set_and_scan":
		all = withPair(all, op.Input.(pair))
	}
	seen, ok := op.Output.([]pair)
	return all, ok && slices.Equal(all, seen)
})

// valueOf is the value of a key, "" if it has none.
func valueOf(all []pair, key string) string {
	for _, p := range all {
		if p.Key == key {
			return p.Value
		}
	}
	return ""
}

// wipedModel is a list that can be deleted.
var wipedModel = step([]string(nil), slices.Equal[[]string], func(items []string, op *Op) ([]string, bool) {
	switch op.Method {
	case "append":
		return append(slices.Clone(items), op.Input.(string)), op.Output == int64(len(items)+1)
	case "rm":
		return nil, true
	}
	seen, ok := op.Output.([]string)
	return items, ok && slices.Equal(seen, items)
})

func withPair(all []pair, p pair) []pair {
	i, found := slices.BinarySearchFunc(all, p.Key, func(q pair, key string) int { return strings.Compare(q.Key, key) })
	out := slices.Clone(all)
	if found {
		out[i] = p
		return out
	}
	return slices.Insert(out, i, p)
}
