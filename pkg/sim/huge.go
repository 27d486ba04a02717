// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"strings"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/client"
	"github.com/kelpiehq/kelpie/pkg/env"
)

// Huge actors are asked to grow beyond what an actor may have. A call that would is refused as too large, which is an
// answer like any other: it rests on how much there was before, and nothing that it did is stored.

// huge is the namespace of actors that outgrow their limits.
const huge = "huge"

const (
	// hugeUnit is what a state grows by. hugeUnitsMax of them fit a state of 1 MiB with all that is around them, and
	// one more does not.
	hugeUnit, hugeUnitsMax = 100 << 10, 10
	// hugeValue is the size of a value in the key-value space. hugeValuesMax of them fit what one call may change,
	// which is 10,000,000 bytes, and hugeValues do not.
	hugeValue, hugeValuesMax, hugeValues = 100_000, 3, 101
	// hugeMessages is more than one call may send.
	hugeMessages = 1001
)

type hugeState struct {
	Units    int64
	Fill     []byte
	Arrivals int64
}

// hugeSize is how much an actor holds: of its state, in its key-value space, whose values all have the name of the
// call that set them, and of messages.
type hugeSize struct {
	Units    int64
	Tags     string
	Arrivals int64
}

// scattered is a call that sets many keys.
type scattered struct {
	Tag   string
	Count int64
}

// codeTooLarge is what is recorded of a call that was too large.
const codeTooLarge = applicationCode("too large")

// hugeKind are huge actors as a process hosts them.
func (l *life) hugeKind() actor.Kind {
	key := func(i int64) string { return sprintf("k%d", i) }
	kind := actor.New[hugeState](huge).
		With(actor.WriteFunc("grow", func(_ *actor.Context, s *hugeState, units int64) (int64, error) {
			s.Units += units
			s.Fill = make([]byte, s.Units*hugeUnit)
			return s.Units, nil
		})).
		With(actor.WriteFunc("shrink", func(_ *actor.Context, s *hugeState, _ struct{}) (int64, error) {
			was := s.Units
			s.Units, s.Fill = 0, nil
			return was, nil
		})).
		With(actor.WriteFunc("scatter", func(ctx *actor.Context, _ *hugeState, c scattered) (bool, error) {
			value := c.Tag + strings.Repeat(" ", hugeValue-100)
			for i := range c.Count {
				if err := ctx.Set(key(i), value); err != nil {
					return false, err
				}
			}
			return true, nil
		})).
		With(actor.WriteFunc("send", func(ctx *actor.Context, s *hugeState, n int64) (bool, error) {
			for range n {
				if err := actor.Send(ctx, ctx.Self(), "arrive", struct{}{}); err != nil {
					return false, err
				}
			}
			return true, nil
		})).
		With(actor.WriteFunc("arrive", func(_ *actor.Context, s *hugeState, _ struct{}) (bool, error) {
			s.Arrivals++
			return true, nil
		})).
		With(actor.ReadFunc("size", func(ctx *actor.Context, s *hugeState, _ struct{}) (hugeSize, error) {
			out := hugeSize{Units: s.Units, Arrivals: s.Arrivals}
			for i := range int64(hugeValuesMax) {
				var value string
				if _, err := ctx.Get(key(i), &value); err != nil {
					return out, err
				}
				tag := strings.TrimRight(value, " ")
				if i == 0 {
					out.Tags = tag
				} else if tag != out.Tags {
					out.Tags += "," + tag
				}
			}
			return out, nil
		}))
	kind.Spec().IdleTimeout, kind.Spec().Placement = l.IdleTimeout, l.Placement
	return kind
}

func hugeWork(k *worker) {
	for k.more() {
		k.made += 4 // states are large, and what was written is kept for the checkers
		if n := 3; k.random.IntN(4) == 0 {
			k.made += 5 * (n - 1)
			k.together(n, k.beHuge)
		} else {
			k.beHuge()
		}
	}
}

// beHuge makes a call that may be too large.
func (k *worker) beHuge() {
	switch id := k.target("huge"); k.random.IntN(10) {
	case 0, 1:
		callHuge[int64](k, id, "shrink", struct{}{})
	case 2:
		callHuge[bool](k, id, "scatter", scattered{k.unique(), hugeValuesMax})
	case 3:
		callHuge[bool](k, id, "scatter", scattered{k.unique(), hugeValues})
	case 4:
		callHuge[bool](k, id, "send", int64(hugeMessages))
	case 5, 6:
		callHuge[hugeSize](k, id, "size", struct{}{})
	case 7:
		callHuge[int64](k, id, "grow", int64(hugeUnitsMax+1))
	default:
		callHuge[int64](k, id, "grow", int64(1+k.random.IntN(hugeUnitsMax)))
	}
}

// callHuge makes a call and records it: that it was too large is an answer.
func callHuge[Resp any](k *worker, id api.ActorID, method string, input any) {
	ctx, cancel := env.WithTimeout(k.env, k.ctx, k.callTimeout())
	defer cancel()
	op := k.history.begin(k.now(), k.name, id, method, input)
	out, err := client.Call[Resp](ctx, k.client, id, method, input)
	if api.CodeOf(err) == api.CodeTooLarge {
		k.history.end(k.now(), op, codeTooLarge, nil)
	} else {
		k.history.end(k.now(), op, out, err)
	}
	k.events.op(op)
}

// hugeModel is how much an actor holds. No call of the workload has messages arrive: all that send are too large.
var hugeModel = step(hugeSize{}, same[hugeSize], func(s hugeSize, op *Op) (hugeSize, bool) {
	switch op.Method {
	case "grow":
		units := s.Units + op.Input.(int64)
		if units > hugeUnitsMax {
			return s, op.Output == codeTooLarge
		}
		s.Units = units
		return s, op.Output == units
	case "shrink":
		was := s.Units
		s.Units = 0
		return s, op.Output == was
	case "scatter":
		c := op.Input.(scattered)
		if c.Count > hugeValuesMax {
			return s, op.Output == codeTooLarge
		}
		s.Tags = c.Tag
		return s, op.Output == true
	case "send":
		return s, op.Output == codeTooLarge
	}
	return s, op.Output == s
})
