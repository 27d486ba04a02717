// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package callkey_test

import (
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/callkey"
	"github.com/kelpiehq/kelpie/pkg/api"
)

var here = api.ActorID{Namespace: "a", ID: "1"}

func TestAnsweredIsBelowEveryOpenCall(t *testing.T) {
	keys := callkey.New("c")
	keys.Learn(7, 0)
	var open []api.CallKey
	for range 5 {
		open = append(open, keys.Next("", here, time.UnixMicro(3)))
	}
	for i, key := range open {
		if key.Counter != uint64(i+1) || key.Answered != 1 || key.AnsweredHere != 1 || key.Birth != 7 ||
			key.Time != 3 || key.Client != "c" {
			t.Fatalf("key %d is %+v", i, key)
		}
	}
	answered := func() uint64 {
		key := keys.Next("", here, time.UnixMicro(0))
		keys.Done(&key, here)
		return key.Answered
	}
	for _, step := range []struct{ done, want int }{{1, 1}, {0, 3}, {4, 3}, {3, 3}, {2, 10}} {
		keys.Done(&open[step.done], here)
		if got := answered(); got != uint64(step.want) {
			t.Errorf("after call %d, all below %d are answered, want %d", step.done+1, got, step.want)
		}
	}
}

func TestAnActorThatKeepsItsCallersWaitingDoesNotConcernTheOthers(t *testing.T) {
	keys := callkey.New("c")
	elsewhere := keys.Next("", api.ActorID{Namespace: "a", ID: "slow"}, time.UnixMicro(0))
	for i := range uint64(3) {
		key := keys.Next("", here, time.UnixMicro(0))
		if key.Answered != elsewhere.Counter || key.AnsweredHere != i+2 {
			t.Errorf("%+v", key)
		}
		keys.Done(&key, here)
	}
}

func TestBirthsDoNotFallAndGrowOld(t *testing.T) {
	keys := callkey.New("c")
	if keys.Fresh(0, time.Second) {
		t.Error("fresh without a version")
	}
	keys.Learn(9, time.Second)
	keys.Learn(8, 2*time.Second)
	if key := keys.Next("name", here, time.UnixMicro(0)); key.Birth != 9 || key.Name != "name" || key.Client != "" {
		t.Errorf("%+v", key)
	}
	if !keys.Fresh(2*time.Second-1, time.Second) || keys.Fresh(2*time.Second, time.Second) {
		t.Error("a version that was learnt a second ago is not fresh, or later")
	}
}
