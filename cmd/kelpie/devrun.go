// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/internal/human"
	"github.com/kelpiehq/kelpie/pkg/api"
)

const (
	// devStartTimeout bounds the wait for the nodes to answer: each waits for the store up to 10 s.
	devStartTimeout = 30 * time.Second
	// devDrainTimeout is for a node that is stopped by hand; when all are stopped, there is nowhere to drain to.
	devDrainTimeout = 5 * time.Second
	// devStopTimeout is how long a process may take to stop: its drain, and then its last calls.
	devStopTimeout = 15 * time.Second
	// A process that is started again and again ends up waiting for devRestartMax; it counts as well when it has run
	// for that long.
	devRestartMin = 500 * time.Millisecond
	devRestartMax = 10 * time.Second
)

// playground is a store and nodes, each a process.
type playground struct {
	*kelpie
	flags    *devFlags
	leaseTTL time.Duration // 0 is not known
	dir      string
	removed  bool // with the end
	store    *devChild
	nodes    []*devChild
	children *devChildren
	signals  <-chan os.Signal
	restarts chan *devChild
	answers  chan devAnswer
}

// devAnswer is that a process which was started again is there again for callers.
type devAnswer struct {
	child *devChild
	pid   int
}

// runDev runs a playground until a signal stops it.
func (k *kelpie) runDev(ctx context.Context, f *devFlags) (err error) {
	addresses, err := planDev(f.listen, f.nodes)
	if err != nil {
		return err
	}
	signals, unlisten := k.Signals()
	defer unlisten()
	p := &playground{kelpie: k, flags: f, signals: signals, restarts: make(chan *devChild, devNodesMax+1),
		answers: make(chan devAnswer)}
	if err := p.makeDir(); err != nil {
		return err
	}
	defer func() {
		if p.removed {
			err = both(err, os.RemoveAll(p.dir))
		}
	}()
	p.plan(addresses)
	removes := ""
	if p.removed {
		removes = p.dir
	}
	if p.children, err = newDevChildren(removes); err != nil {
		return err
	}
	defer func() { err = both(err, p.children.close()) }()
	if err := p.start(ctx); err != nil {
		return both(err, p.killAll())
	}
	return p.serve(ctx)
}

// both returns the error of two that is one, as it is, or both.
func both(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return errors.Join(a, b)
}

// makeDir makes the directory of data and logs.
func (p *playground) makeDir() (err error) {
	if p.flags.dataDir == "" {
		p.removed = true
		p.dir, err = os.MkdirTemp("", devDirPattern)
	} else if p.dir, err = filepath.Abs(p.flags.dataDir); err == nil {
		err = os.MkdirAll(p.dir, 0o700)
	}
	if err != nil {
		return cli.Advise(
			api.Errorf(api.CodeFailedPrecondition, "no directory for data and logs: %w", err),
			"name a writable one with --data-dir",
		)
	}
	return nil
}

// plan says what processes there are, and their arguments.
func (p *playground) plan(a devAddresses) {
	child := func(name, address string, args ...string) *devChild {
		args = append(args, "--listen", address, "--data-dir", filepath.Join(p.dir, name))
		return &devChild{name: name, address: address, args: args, log: filepath.Join(p.dir, name+".log")}
	}
	p.store = child(devStoreName, a.store, "store", "serve")
	p.leaseTTL = p.flags.leaseTTL
	if _, err := os.Stat(filepath.Join(p.dir, devStoreName)); p.leaseTTL == 0 && errors.Is(err, os.ErrNotExist) {
		p.leaseTTL = devLeaseTTL // of a cluster that is there already, the nodes know theirs
	}
	for i, address := range a.nodes {
		name := devNodeName(i)
		args := []string{"node", "start", "--node-id", name, "--store", "kelpie://" + a.store, "--drain-timeout",
			devDrainTimeout.String(), "--check-reads=" + strconv.FormatBool(p.flags.checkReads)}
		if p.leaseTTL != 0 {
			args = append(args, "--lease-ttl", p.leaseTTL.String())
		}
		p.nodes = append(p.nodes, child(name, address, args...))
	}
}

// all returns the processes in the order of their start.
func (p *playground) all() []*devChild { return append([]*devChild{p.store}, p.nodes...) }

func (p *playground) addresses() []string {
	all := make([]string, len(p.nodes))
	for i, n := range p.nodes {
		all[i] = n.address
	}
	return all
}

// start starts the processes and waits until every node answers, or one has ended.
func (p *playground) start(ctx context.Context) error {
	for _, child := range p.all() {
		if err := p.children.start(child); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, devStartTimeout)
	defer cancel()
	up := make(chan error, 1)
	go func() { up <- p.awaitNodes(ctx) }()
	select {
	case err := <-up:
		if err != nil {
			p.showLogs(p.nodes...)
		}
		return err
	case <-p.signals:
		return interrupted("interrupted before the nodes were up")
	case end := <-p.children.ends:
		end.child.pid = 0
		p.showLogs(end.child)
		return cli.Advise(api.Errorf(api.CodeUnavailable, "%s did not start: it %s", end.child.name, end.how()),
			"its log is above")
	}
}

// awaitNodes waits until every node knows of all.
func (p *playground) awaitNodes(ctx context.Context) error {
	for _, node := range p.nodes {
		if err := awaitNode(ctx, node, len(p.nodes)); err != nil {
			return err
		}
	}
	return nil
}

// awaitNode waits until a node knows of a number of nodes.
func awaitNode(ctx context.Context, node *devChild, enough int) error {
	c := connection{addrs: []string{node.address}, timeout: devStartTimeout}
	s, err := c.open()
	if err != nil {
		return err
	}
	defer s.close()
	_, err = waitForNodes(ctx, s, enough)
	return err
}

// awaitStore waits until the store listens, which it does when it can answer.
func awaitStore(ctx context.Context, store *devChild) error {
	ticks := time.NewTicker(waitInterval)
	defer ticks.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", store.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return err
		}
	}
}

// showLogs shows the ends of logs, for whom processes did not start.
func (p *playground) showLogs(children ...*devChild) {
	for _, child := range children {
		// the error follows, and is told by the exit code, too
		_, _ = human.Fprintf(p.Stderr, "-- %s.log\n%s\n", child.name, strings.Join(child.tail(), "\n"))
	}
}

// serve tells what happens to the processes, until a signal stops them.
func (p *playground) serve(ctx context.Context) error {
	load, err := p.startLoad(ctx)
	if err != nil {
		return both(err, p.killAll())
	}
	if err := p.welcome(); err != nil {
		return both(err, p.killAll())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		var err error
		select {
		case <-p.signals:
			return both(p.say("%s", load.stop()), p.stop())
		case end := <-p.children.ends:
			err = p.ended(end)
		case child := <-p.restarts:
			err = p.again(ctx, child)
		case answer := <-p.answers:
			if answer.pid == answer.child.pid {
				err = p.event("%s answers again", answer.child.name)
			}
		}
		if err != nil { // nobody reads any more what is told here
			load.stop()
			return both(err, p.killAll())
		}
	}
}

// ended tells of the end of a process, and sees to it that it is started again if it should be.
func (p *playground) ended(end devEnd) error {
	child := end.child
	child.pid = 0
	if err := p.event("%s (process %d) %s%s", child.name, end.pid, end.how(), p.consequence(end)); err != nil {
		return err
	}
	if end.died() {
		if err := p.say("  %s\n", strings.Join(child.tail(), "\n  ")); err != nil {
			return err
		}
	}
	if p.flags.restart {
		pause := child.pause(time.Since(child.began))
		time.AfterFunc(pause, func() { p.restarts <- child })
	}
	return nil
}

// pause is how long to wait before the next run, when the last one took so long.
func (child *devChild) pause(ran time.Duration) time.Duration {
	if ran >= devRestartMax {
		child.quickEnds = 0
	}
	pause := devRestartMin << min(child.quickEnds, 10)
	child.quickEnds++
	return min(pause, devRestartMax)
}

// again starts a process again, and has p.answers told when it is there for callers, unless ctx ends before.
func (p *playground) again(ctx context.Context, child *devChild) error {
	if err := p.children.start(child); err != nil {
		return p.event("%s", cli.Message(err))
	}
	answer := devAnswer{child, child.pid}
	go func() {
		var err error
		if child == p.store {
			err = awaitStore(ctx, child)
		} else {
			err = awaitNode(ctx, child, 1)
		}
		if err != nil { // its end is told, or that of the playground
			return
		}
		select {
		case p.answers <- answer:
		case <-ctx.Done():
		}
	}()
	return p.event("%s restarted, process %d", child.name, child.pid)
}

// stop stops the nodes, and then the store, which they need for that; a second signal ends them all at once.
func (p *playground) stop() error {
	if err := p.say("stopping the nodes, then the store; press Ctrl-C to stop them at once\n"); err != nil {
		return both(err, p.killAll())
	}
	for _, children := range [][]*devChild{p.nodes, {p.store}} {
		if err := p.stopAll(children); err != nil {
			return both(err, p.killAll())
		}
	}
	return nil
}

// stopAll asks processes to stop, and waits until they have.
func (p *playground) stopAll(children []*devChild) error {
	for _, child := range children {
		if child.pid == 0 {
			continue
		}
		if err := terminate(child.process); err != nil {
			return fmt.Errorf("can't stop %s (process %d): %w", child.name, child.pid, err)
		}
	}
	late := time.After(devStopTimeout)
	for anyRuns(children) {
		select {
		case end := <-p.children.ends:
			end.child.pid = 0
		case <-p.signals:
			return cli.ErrInterrupted
		case <-late:
			return api.Errorf(api.CodeUnavailable, "the stop was not clean: after %v, processes were still "+
				"running and were killed", devStopTimeout)
		}
	}
	return nil
}

func anyRuns(children []*devChild) bool {
	for _, child := range children {
		if child.pid != 0 {
			return true
		}
	}
	return false
}

// killAll ends what runs, and waits for its end.
func (p *playground) killAll() error {
	var failed error
	for _, child := range p.all() {
		if child.pid != 0 {
			failed = errors.Join(failed, child.kill())
		}
	}
	for failed == nil && anyRuns(p.all()) {
		(<-p.children.ends).child.pid = 0
	}
	return failed
}
