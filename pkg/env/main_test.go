// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/env/envtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(envtest.IdleWorker)) }

var (
	background  = context.Background()
	errCanceled = context.Canceled
	errDeadline = context.DeadlineExceeded
)

// eventually waits until cond holds.
func eventually(e env.Env, cond func() bool) {
	for !cond() {
		_ = env.Sleep(e, background, 10*time.Microsecond)
	}
}

// race calls each function in a task of its own and returns when all have returned.
func race(e env.Env, fs ...func()) {
	var tasks []*env.Task
	for _, f := range fs {
		tasks = append(tasks, env.Start(e, background, "racer", func(context.Context) { f() }))
	}
	for _, t := range tasks {
		_ = t.Wait(background)
	}
}

// lateEnv widens the moment between the end of a task's wait and its being told: its
// parkers let others run before they say that a context has ended.
type lateEnv struct{ env.Env }

func (l lateEnv) NewParker() env.Parker { return lateParker{l.Env.NewParker(), l.Env} }

type lateParker struct {
	env.Parker
	env env.Env
}

func (p lateParker) Park(ctx context.Context) error {
	err := p.Parker.Park(ctx)
	if err != nil {
		_ = env.Sleep(p.env, background, time.Microsecond)
	}
	return err
}

// rounds is how often a race is run: the scheduler of a simulated Env draws the
// interleavings, the real world only has luck.
const rounds = 300

// must is called by tasks, too: in the real world those are not the test's goroutine, so it does not stop the test.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
