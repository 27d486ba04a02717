// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"context"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

func TestForeign(t *testing.T) {
	own, cancelOwn := env.WithCancel(background)
	defer cancelOwn()
	std, cancelStd := context.WithCancel(own)
	defer cancelStd()
	below, cancelBelow := env.WithTimeout(env.Real(), std, time.Hour)
	defer cancelBelow()
	belowThat, cancelBelowThat := env.WithCancel(below)
	defer cancelBelowThat()
	for _, c := range []struct {
		name string
		ctx  context.Context
		want bool
	}{
		{"background", background, false},
		{"value", context.WithValue(background, key{}, 1), false},
		{"own", own, false},
		{"value on own", context.WithValue(own, key{}, 1), false},
		{"detached from std", context.WithoutCancel(std), false},
		{"std", std, true},
		{"value on std", context.WithValue(std, key{}, 1), true},
		{"own below std", below, true},
		{"own far below std", context.WithValue(belowThat, key{}, 1), true},
	} {
		equal(t, c.name, env.Foreign(c.ctx), c.want)
	}
}

func TestStandardParent(t *testing.T) {
	e := env.Real()
	std, cancelStd := context.WithCancelCause(background)
	parent, cancelParent := env.WithCancel(std)
	defer cancelParent()
	ctx, cancel := env.WithTimeout(e, parent, time.Hour)
	defer cancel()
	ends(t, "before", ctx, nil, nil)
	called := e.NewParker()
	env.OnDone(std, called.Unpark)
	p := e.NewParker()
	e.Go("canceller", func() { cancelStd(errCause) })
	equal(t, "park", p.Park(ctx), errCause)
	must(t, called.Park(background))

	unseen, cancelUnseen := env.WithCancel(std)
	defer cancelUnseen()
	for _, ctx := range []context.Context{ctx, unseen} {
		<-ctx.Done()
		ends(t, "after", ctx, context.Canceled, errCause)
	}
	// Asked without having waited, so that nothing has told it.
	equal(t, "parent's Err", parent.Err(), context.Canceled)
}

func TestStandardParentWithDeadline(t *testing.T) {
	e := env.Real()
	std, cancelStd := context.WithTimeout(background, time.Millisecond)
	defer cancelStd()
	ctx, cancel := env.WithTimeout(e, std, time.Hour)
	defer cancel()
	if left, ok := env.Remaining(e, ctx); !ok || left > time.Millisecond {
		t.Fatalf("%v, %v remain", left, ok)
	}
	equal(t, "park", e.NewParker().Park(ctx), context.DeadlineExceeded)
	ends(t, "after", ctx, context.DeadlineExceeded, context.DeadlineExceeded)
}

func TestOwnEndBelowStandardParentKeepsItsCause(t *testing.T) {
	std, cancelStd := context.WithCancelCause(background)
	ctx, cancel := env.WithCancel(std)
	cancel()
	cancelStd(errCause)
	ends(t, "ctx", ctx, context.Canceled, context.Canceled)
}

func TestStandardChild(t *testing.T) {
	e := env.Real()
	own, cancelOwn := env.WithCancelCause(background)
	child, cancelChild := context.WithTimeout(own, time.Hour)
	defer cancelChild()
	grandchild, cancelGrandchild := context.WithCancel(context.WithValue(child, key{}, 1))
	defer cancelGrandchild()
	back, cancelBack := env.WithCancel(grandchild)
	defer cancelBack()
	p := e.NewParker()
	context.AfterFunc(own, p.Unpark)
	stop := context.AfterFunc(own, func() { t.Error("stopped") })
	equal(t, "stop", stop(), true)

	cancelOwn(errCause)
	must(t, p.Park(background))
	for _, ctx := range []context.Context{own, child, grandchild, back} {
		<-ctx.Done()
		ends(t, "after", ctx, context.Canceled, errCause)
	}
	late, cancelLate := context.WithCancel(own)
	defer cancelLate()
	ends(t, "child of what has ended", late, context.Canceled, errCause)
	context.AfterFunc(own, p.Unpark)
	must(t, p.Park(background))
}

func TestStandardChildrenLeave(t *testing.T) {
	own, cancelOwn := env.WithCancel(background)
	defer cancelOwn()
	_, cancel := context.WithCancel(own)
	equal(t, "watchers", env.Watchers(own), 1)
	cancel()
	equal(t, "watchers after", env.Watchers(own), 0)
}

func TestContextThatNobodyWaitsForIsCheap(t *testing.T) {
	e := env.Real()
	parent, cancelParent := env.WithTimeout(e, background, time.Hour)
	defer cancelParent()
	allocs := testing.AllocsPerRun(100, func() {
		ctx, cancel := env.WithTimeout(e, parent, time.Minute)
		defer cancel()
		if ctx.Err() != nil {
			t.Error("ended")
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations", allocs)
	}
}
