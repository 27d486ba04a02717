// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpiehq/kelpie/internal/callkey"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// storeHere is the store URL of a node that serves the store itself; its address is put behind it.
const storeHere = "kelpie://"

// namesakeTimeout bounds the question whether a node of the same name is alive elsewhere.
const namesakeTimeout = 2 * time.Second

// Node hosts actors. Its methods are safe for concurrent use.
type Node struct {
	config   Config
	env      env.Env
	log      *slog.Logger
	kinds    map[string]*actor.Spec
	registry *registry.Registry

	// ctx is the life of the node's own work: it ends when the node does, not when it begins to stop.
	ctx    context.Context
	cancel context.CancelCauseFunc
	tasks  *env.Group
	lease  *env.Task // beats

	listener   rpc.Listener
	server     *rpc.Server
	pool       *rpc.Pool
	dispatcher *dispatcher
	router     *router
	lookups    *lookups
	news       news
	barrier    *barrier
	budget     *budget
	keeper     *keeper
	contact    *contact
	loads      *loads
	timers     *timers
	couriers   couriers
	scanner    *scanner
	meter      *meter
	events     *events
	clock      stepped // of the heartbeat
	stats      shared[api.NodeStats]
	overview   shared[api.ClusterStats]

	keys    *callkey.Keys // of calls from inside the process
	slots   inFlight
	running runners
	crashes crashes
	trials  *trials
	moves   moves
	moveIDs *env.Rand
	jobs    jobs
	// arrivals are what other nodes send of actors that move here.
	arrivals arrivals
	stopped  *env.Event
	address  string
	// releases bounds how many idle actors are deactivated at once.
	releases *env.Semaphore
	// claims bounds how many actors are claimed at once.
	claims *env.Semaphore
	// listings bounds how many listings of the store are made at once.
	listings *env.Semaphore

	emptying atomic.Bool // it takes no actors that it does not own
	mu       sync.Mutex
	stopping bool  // by Stop, or because of the end
	ending   bool  // stopped will be set
	ended    error // why the node ended by itself
}

// New returns a node that does nothing yet. Errors are CodeInvalidArgument.
func New(c Config) (*Node, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	c.defaults()
	n := &Node{config: c, env: c.Env, log: c.Logger, kinds: make(map[string]*actor.Spec),
		registry: registry.New(c.Env, c.Store), loads: newLoads(), stopped: env.NewEvent(c.Env)}
	for _, k := range c.Kinds {
		n.kinds[k.Spec().Namespace] = k.Spec()
	}
	n.ctx, n.cancel = env.WithCancelCause(context.Background())
	n.tasks = env.NewGroup(c.Env, n.ctx)
	n.slots.drained = env.NewEvent(c.Env)
	n.releases = env.NewSemaphore(c.Env, releasesAtOnce)
	n.claims = env.NewSemaphore(c.Env, claimsAtOnce)
	n.listings = env.NewSemaphore(c.Env, listingsAtOnce)
	n.trials = newTrials(c.Env)
	n.lookups = newLookups(n)
	n.budget = &budget{callsMax: int64(c.MaxCalls), bytesMax: c.MaxCallBytes}
	n.dispatcher = newDispatcher(c.MaxPendingPerActor, n.budget, c.Capacity, n.startSlot, n.startSlotAfter)
	n.dispatcher.memoryLimit = c.MemoryLimit
	n.contact = newContact(n.env, n.log, n.ctx, n.storeURL, n.storeChanged)
	n.registry.Through(n.contact)
	n.keeper = &keeper{
		env: n.env, registry: n.registry, log: n.log, contact: n.contact,
		load: n.load, fenced: n.dispatcher.dropAll, failed: n.failed, changed: n.news.tell,
		compared: n.changedMembers, tell: n.happened,
		beaten: func(b registry.Beaten) {
			n.scanner.beaten(b.Unattended)
			n.acquit()
		},
	}
	n.meter, n.events = newMeter(n.env.Monotonic(), c.Usage), newEvents(c.NodeID, n.env.Now())
	n.timers, n.scanner = newTimers(c.Env, n.fire), newScanner(n)
	n.router = newRouter(n)
	n.moveIDs = n.env.Rand("moves")
	client := n.env.Rand("calls").Bytes16()
	n.keys = callkey.New(string(client[:]))
	n.barrier = newBarrier(c.Env, func() (registry.Proof, error) {
		return n.registry.Barrier(n.ctx, n.keeper.member())
	})
	identity := rpc.Identity{NodeID: c.NodeID, ClusterID: n.ClusterID, Incarnation: n.incarnation}
	n.pool = rpc.NewPool(c.Env, c.Transport, rpc.PoolConfig{Identity: identity, Logger: c.Logger})
	n.register(c.Mux)
	n.server = rpc.NewServer(c.Env, rpc.ServerConfig{Identity: identity, Logger: c.Logger}, c.Mux)
	return n, nil
}

// Start listens, joins the cluster and begins to serve. It blocks on the store until ctx ends. After an
// error the node has ended.
func (n *Node) Start(ctx context.Context) error {
	err := n.start(ctx)
	if err != nil {
		n.end(err)
	}
	return err
}

func (n *Node) start(ctx context.Context) (err error) {
	if n.listener, err = n.config.Transport.Listen(n.config.Listen); err != nil {
		return api.Errorf(api.CodeFailedPrecondition, "can't listen at %s: %v", n.config.Listen, err)
	}
	n.address = n.config.Advertise
	if n.address == "" {
		n.address = n.listener.Addr()
	}
	if err := n.refuseNamesake(ctx); err != nil {
		return err
	}
	n.keeper.spec = n.joinSpec()
	if err := n.keeper.join(ctx); err != nil {
		return err
	}
	n.lease = env.Start(n.env, n.ctx, "heartbeat", n.keepLease)
	n.tasks.Go("serve", n.serve)
	n.tasks.Go("membership", n.keeper.followForever)
	n.tasks.Go("gossip", n.gossipForever)
	n.tasks.Go("idle", n.sweepForever)
	n.tasks.Go("handlers", n.watchHandlers)
	n.tasks.Go("memory", n.watchMemory)
	n.tasks.Go("timers", n.timers.run)
	n.tasks.Go("due", n.scanner.run)
	n.log.Debug("joined", "node", n.config.NodeID, "address", n.address, "cluster", n.ClusterID(), "epoch",
		n.keeper.member().Node.Epoch)
	return nil
}

// refuseNamesake returns an error if another process that is alive has the node's name.
func (n *Node) refuseNamesake(ctx context.Context) error {
	other, err := n.registry.ReadNode(ctx, n.config.NodeID)
	if err != nil || other.Address == "" || other.Address == n.address || !other.Member() {
		return err
	}
	ctx, cancel := env.WithTimeout(n.env, ctx, namesakeTimeout)
	defer cancel()
	peer, err := n.pool.Peer(ctx, other.Address)
	if err == nil && peer.NodeID == n.config.NodeID {
		return api.Errorf(api.CodeAlreadyExists, "node %s is alive at %s: stop it first, or give this one another "+
			"--node-id", n.config.NodeID, other.Address)
	}
	return nil // it does not answer: its lease is taken over
}

func (n *Node) joinSpec() registry.JoinSpec {
	spec := registry.JoinSpec{
		Node: registry.NodeInfo{ID: n.config.NodeID, Address: n.address, Capacity: n.config.Capacity,
			Version: n.config.Version, Zone: n.config.Zone, Labels: slices.Sorted(slices.Values(n.config.Labels))},
		LeaseTTL: n.config.LeaseTTL, Heartbeat: n.config.Heartbeat, ClusterID: n.config.ClusterID,
	}
	for _, k := range n.config.Kinds {
		spec.Node.Namespaces = append(spec.Node.Namespaces, k.Spec().Namespace)
		spec.Namespaces = append(spec.Namespaces, defaultSettings(k.Spec()))
	}
	slices.Sort(spec.Node.Namespaces)
	slices.SortFunc(spec.Namespaces, func(a, b registry.Namespace) int { return strings.Compare(a.Name, b.Name) })
	return spec
}

func (n *Node) serve(ctx context.Context) {
	if err := n.server.Serve(ctx, n.listener); err != nil {
		n.end(api.Errorf(api.CodeInternal, "the listener at %s failed: %v", n.address, err))
	}
}

func (n *Node) keepLease(ctx context.Context) {
	if err := n.keeper.beatForever(ctx); err != nil {
		n.log.Error("this node ends", "error", err)
		n.end(err)
	}
}

// load tells the members, by the heartbeat, how busy the node is.
func (n *Node) load() api.Load {
	now := n.env.Monotonic()
	n.dispatcher.gauge(now)
	n.meter.roll(now)
	n.watchClock()
	n.events.flush(n.env.Now())
	load := n.dispatcher.load()
	n.loads.learn(n.config.NodeID, load)
	return load
}

// failed breaks the connections to a node that was fenced: it may be stopped or cut off, and the calls that
// wait for it would wait until their deadlines.
func (n *Node) failed(node registry.NodeInfo) {
	if node.ID == n.config.NodeID {
		return
	}
	n.loads.forget(node.ID)
	n.router.forgetNode(node.Address)
	n.pool.Disconnect(node.Address, "node "+node.ID+" has failed")
}

// Invoke calls an actor, wherever it is, from inside the process. A key names the call, as that of
// client.WithIdempotencyKey does; with "" it has one of the node's own, and has its effect once however often the
// node sends it. It blocks until the answer comes or ctx ends. Errors are of type *api.Error.
func (n *Node) Invoke(ctx context.Context, id api.ActorID, method, key string, body []byte) ([]byte, error) {
	n.keys.Learn(n.newest(), n.env.Monotonic())
	if err := n.contact.err(); err != nil && !n.keys.Fresh(n.env.Monotonic(), birthAgeMax) {
		return nil, err
	}
	named := n.keys.Next(key, id, n.env.Now())
	defer n.keys.Done(&named, id)
	for {
		reply, err := n.invokeOnce(ctx, id, method, named, body)
		birth, refused := api.RefusedBirth(err)
		if !refused || birth == named.Birth || ctx.Err() != nil {
			return reply, err
		}
		n.keys.Relearn(birth, n.env.Monotonic()) // it has not run: it may as well be born now
		named.Birth = birth
	}
}

func (n *Node) invokeOnce(ctx context.Context, id api.ActorID, method string, named api.CallKey, body []byte) (
	[]byte, error) {
	answer := env.NewFuture[[]byte](n.env)
	if err := n.budget.enter(len(body)); err != nil {
		return nil, err
	}
	entered := n.env.Monotonic()
	c := &call{
		actor: id, method: method, key: named, body: body,
		context:  func() context.Context { return ctx },
		deadline: n.env.Monotonic() + defaultDeadline,
		finish: func(reply []byte, _ string, err error) {
			n.budget.leave(len(body), n.env.Monotonic()-entered)
			answer.Complete(reply, err)
		},
	}
	if left, ok := env.Remaining(n.env, ctx); ok {
		c.deadline = n.env.Monotonic() + left
	}
	if err := c.validate(); err != nil {
		c.finish(nil, "", err)
	} else {
		n.router.route(c)
	}
	return answer.Wait(ctx)
}

// Load returns how busy the node is.
func (n *Node) Load() api.Load { return n.dispatcher.load() }

// Calls returns how many calls are on their way in the node that came from outside of it.
func (n *Node) Calls() int { return int(n.budget.calls.Load()) }

// Addr returns the address that others reach the node at, once it has started.
func (n *Node) Addr() string { return n.address }

// ClusterID returns the cluster's id, "" before the node has joined.
func (n *Node) ClusterID() string {
	if m := n.keeper.member(); m != nil {
		return m.Meta.ClusterID
	}
	return ""
}

func (n *Node) incarnation() string {
	if m := n.keeper.member(); m != nil {
		return m.Node.Incarnation.String()
	}
	return ""
}
