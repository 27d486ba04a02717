// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package coro

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/kelpiehq/kelpie/pkg/env"
)

// Machine is the env.Env of one simulated process, from its start until it is killed. A
// machine that is booted again under its name keeps its clock, and draws other
// random numbers.
type Machine struct {
	sched    *Scheduler
	name     string
	boots    uint64        // how many machines of this name there were before
	bootedAt time.Duration // reading of the clock
	clock    *clock
	concerns map[string]uint64 // how often each was asked for

	killed      bool
	slow        time.Duration // by how much later tasks can run
	pausedUntil time.Duration // virtual time
	heldTasks   []*task       // could run if it were not paused
	heldTimers  []*timer      // were due while it was paused
}

var _ env.Env = (*Machine)(nil)

func boot(s *Scheduler, name string, before *Machine) *Machine {
	m := &Machine{sched: s, name: name, clock: new(clock), concerns: make(map[string]uint64)}
	if before != nil {
		m.clock, m.boots = before.clock, before.boots+1
	}
	m.bootedAt = m.clock.reading(s.elapsed)
	return m
}

// Name returns the name of the machine.
func (m *Machine) Name() string { return m.name }

// Killed reports whether the machine was killed.
func (m *Machine) Killed() bool { return m.killed }

// Now implements env.Env.
func (m *Machine) Now() time.Time {
	return m.sched.opts.Start.Add(m.clock.wallOffset + m.clock.reading(m.sched.elapsed))
}

// Monotonic implements env.Env.
func (m *Machine) Monotonic() time.Duration {
	return m.clock.reading(m.sched.elapsed) - m.bootedAt
}

// Go implements env.Env. On a machine that was killed it does nothing.
func (m *Machine) Go(name string, f func()) {
	if m.killed {
		return
	}
	m.sched.start(m, name, f)
}

// Yield implements env.Env.
func (m *Machine) Yield() {}

// NewParker implements env.Env.
func (m *Machine) NewParker() env.Parker { return &parker{sched: m.sched} }

// AfterFunc implements env.Env. A delay of more than fifty years is one of
// fifty years.
func (m *Machine) AfterFunc(d time.Duration, f func()) env.Timer {
	s := m.sched
	t := s.newTimer(f)
	t.machine = m
	t.local = m.clock.reading(s.elapsed) + min(max(d, 0), timerMax)
	t.at = m.clock.virtual(t.local, s.elapsed)
	s.addTimer(t)
	return t
}

// Rand implements env.Env. The numbers follow from the seed, the name of the
// machine, how often it was booted, the concern, and how often that was asked
// for.
func (m *Machine) Rand(concern string) *env.Rand {
	n := m.concerns[concern]
	m.concerns[concern] = n + 1
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q %d %q %d", m.sched.opts.Seed, m.name, m.boots, concern, n))
	return env.NewRand(binary.LittleEndian.Uint64(sum[0:]), binary.LittleEndian.Uint64(sum[8:]))
}

// SetWallOffset sets by how much the wall clock of the machine is ahead of
// its monotonic one, both counted from the start of the run. Timers do not follow.
func (m *Machine) SetWallOffset(d time.Duration) { m.clock.wallOffset = d }

// SetDrift makes both clocks of the machine run fast from now on, by parts per million of virtual
// time, or slow if negative. At most half as fast again, or half as slow. Its
// timers follow.
func (m *Machine) SetDrift(ppm int64) {
	s := m.sched
	m.clock.setDrift(s.elapsed, ppm)
	for _, pending := range s.timers {
		if t := pending.timer; t.machine != nil && t.machine.clock == m.clock {
			t.at = m.clock.virtual(t.local, s.elapsed)
		}
	}
	s.timers.reorder()
}

// Pause stops the machine, as SIGSTOP does, until virtual time has advanced by
// d: its tasks do not run and its timers do not fire, while its clocks go on. Then they
// go on, with all timers that are late due at once. A pause within a pause ends
// with the later of both. If the calling task is of this machine, it goes on until it
// parks.
func (m *Machine) Pause(d time.Duration) {
	s := m.sched
	if m.killed || d <= 0 {
		return
	}
	s.trace.add(tracePause, uint64(d))
	m.pausedUntil = max(m.pausedUntil, s.elapsed+min(d, timerMax))
	kept := s.runnable[:0]
	for _, t := range s.runnable {
		if t.machine == m {
			m.heldTasks = append(m.heldTasks, t)
		} else {
			kept = append(kept, t)
		}
	}
	clear(s.runnable[len(kept):])
	s.runnable = kept
	end := s.newTimer(m.goOn)
	end.at = m.pausedUntil
	s.addTimer(end)
}

func (m *Machine) paused() bool { return m.sched.elapsed < m.pausedUntil }

// goOn ends a pause, unless there is a longer one.
func (m *Machine) goOn() {
	if m.paused() {
		return
	}
	s := m.sched
	s.runnable = append(s.runnable, m.heldTasks...)
	for _, t := range m.heldTimers {
		if t.f != nil {
			s.timers.push(t)
		}
	}
	m.heldTasks, m.heldTimers = nil, nil
}

// Kill ends the machine at once, as SIGKILL does: its timers never fire, what is
// started on it never runs. Before Kill returns, its tasks are unwound, in the order of their
// start, by a panic that env.Killed knows: their deferred calls run, and
// anything they park on panics again. Whatever they must not reach any more, a
// disk or a network, has to be fenced off before. If the calling task
// is of this machine, Kill does not return to it.
func (m *Machine) Kill() {
	if m.killed {
		return
	}
	m.sched.trace.add(traceKill, m.boots)
	m.sched.trace.addString(m.name)
	m.kill()
	if t := m.sched.current; t != nil && t.machine == m {
		t.mustLive()
	}
}

// kill unwinds all tasks but those that run, which unwind when they next park.
func (m *Machine) kill() {
	s := m.sched
	m.killed = true
	s.runnable = slices.DeleteFunc(s.runnable, func(t *task) bool { return t.machine == m })
	m.heldTasks, m.heldTimers = nil, nil

	tasks := m.living()
	for _, t := range tasks {
		t.dying = true
	}
	for _, t := range tasks {
		if !t.running && !t.ended {
			s.unwind(t)
		}
	}
}

// Tasks returns the names of the machine's tasks that have not ended, in the order of their start. It is for checks
// of what a program has left running.
func (m *Machine) Tasks() []string {
	var names []string
	for _, t := range m.living() {
		names = append(names, t.name)
	}
	return names
}

// living returns the tasks that have not ended, in the order of their start.
func (m *Machine) living() []*task {
	var tasks []*task
	for _, t := range m.sched.tasks { //kelpie:unordered sorted below
		if t.machine == m {
			tasks = append(tasks, t)
		}
	}
	slices.SortFunc(tasks, func(a, b *task) int { return cmp.Compare(a.id, b.id) })
	return tasks
}

func (s *Scheduler) addTimer(t *timer) {
	s.timerSeq++
	t.seq = s.timerSeq
	s.timers.push(t)
}
