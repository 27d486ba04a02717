// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"slices"
	"strings"
	"sync"
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
	scope
	config   Config
	kinds    map[string]*actor.Spec
	registry *registry.Registry

	cancel context.CancelCauseFunc
	tasks  *env.Group
	lease  *env.Task // beats

	listener   rpc.Listener
	server     *rpc.Server
	pool       *rpc.Pool
	contact    *contact
	keeper     *keeper
	budget     *budget
	dispatcher *dispatcher
	router     *router
	loads      *loads
	peers      *peers
	scanner    *scanner
	meter      *meter
	clock      stepped // of the heartbeat
	host       *host
	waker      *waker
	mover      *mover
	admin      *admin

	keys    *callkey.Keys // of calls from inside the process
	stopped *env.Event
	address string

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
	n := &Node{config: c, kinds: make(map[string]*actor.Spec), stopped: env.NewEvent(c.Env)}
	for _, k := range c.Kinds {
		n.kinds[k.Spec().Namespace] = k.Spec()
	}
	n.scope = scope{env: c.Env, log: c.Logger, events: newEvents(c.NodeID, c.Env.Now()), nodeID: c.NodeID}
	n.ctx, n.cancel = env.WithCancelCause(context.Background())
	n.tasks = env.NewGroup(c.Env, n.ctx)
	n.joinParts()
	n.placeParts()
	n.runParts()
	client := n.env.Rand("calls").Bytes16()
	n.keys = callkey.New(string(client[:]))
	n.register(c.Mux)
	n.server = rpc.NewServer(c.Env, rpc.ServerConfig{Identity: n.identity(), Logger: c.Logger}, c.Mux)
	return n, nil
}

func (n *Node) identity() rpc.Identity {
	return rpc.Identity{NodeID: n.nodeID, ClusterID: n.ClusterID, Incarnation: n.keeper.incarnation}
}

// joinParts makes what connects the node to its store and to the other members.
func (n *Node) joinParts() {
	n.registry = registry.New(n.env, n.config.Store)
	n.contact = newContact(n.scope, n.storeURL)
	n.registry.Through(n.contact)
	n.keeper = newKeeper(keeperDeps{
		scope: n.scope, kinds: n.kinds, registry: n.registry, contact: n.contact,
		load: n.load, fenced: n.fenced, failed: n.failed, beaten: n.beaten,
	})
	n.loads = newLoads()
	n.pool = rpc.NewPool(n.env, n.config.Transport, rpc.PoolConfig{Identity: n.identity(), Logger: n.log})
	n.peers = &peers{scope: n.scope, keeper: n.keeper, pool: n.pool}
}

// placeParts makes what takes a call to its actor's mailbox, here or elsewhere.
func (n *Node) placeParts() {
	c := &n.config
	n.budget = &budget{callsMax: int64(c.MaxCalls), bytesMax: c.MaxCallBytes}
	n.dispatcher = newDispatcher(limits{
		pending: c.MaxPendingPerActor, budget: n.budget, capacity: c.Capacity, memory: c.MemoryLimit})
	n.router = newRouter(routerDeps{
		scope: n.scope, kinds: n.kinds, registry: n.registry, dispatcher: n.dispatcher, keeper: n.keeper,
		contact: n.contact, loads: n.loads, pool: n.pool,
	})
}

// runParts makes what runs actors, moves them, and shows them to operators.
func (n *Node) runParts() {
	n.meter = newMeter(n.env.Monotonic(), n.config.Usage)
	n.waker = newWaker(n.scope, n.router)
	n.scanner = newScanner(n.scope, n.registry, n.keeper, n.waker)
	n.host = newHost(hostDeps{
		scope: n.scope, kinds: n.kinds, registry: n.registry, dispatcher: n.dispatcher, router: n.router,
		keeper: n.keeper, contact: n.contact, timers: n.waker.timers, meter: n.meter, tasks: n.tasks,
		couriers:   newCouriers(n.scope, n.keeper, n.waker),
		maxRecords: n.config.MaxRecords, maxBatch: n.config.MaxBatch,
	})
	n.mover = newMover(moverDeps{
		scope: n.scope, kinds: n.kinds, registry: n.registry, dispatcher: n.dispatcher, router: n.router,
		keeper: n.keeper, loads: n.loads, pool: n.pool, host: n.host, waker: n.waker, peers: n.peers,
	})
	n.admin = newAdmin(adminDeps{
		scope: n.scope, store: n.config.Store, registry: n.registry, dispatcher: n.dispatcher, router: n.router,
		keeper: n.keeper, meter: n.meter, pool: n.pool, mover: n.mover, peers: n.peers, clusterInfo: n.clusterInfo,
	})
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
	n.tasks.Go("idle", n.host.sweepForever)
	n.tasks.Go("handlers", n.host.watchHandlers)
	n.tasks.Go("moves", n.mover.watch)
	n.tasks.Go("memory", n.host.watchMemory)
	n.tasks.Go("timers", n.waker.timers.run)
	n.tasks.Go("due", n.scanner.run)
	n.log.Debug("joined", "node", n.nodeID, "address", n.address, "cluster", n.ClusterID(), "epoch",
		n.keeper.member().Node.Epoch)
	return nil
}

// refuseNamesake returns an error if another process that is alive has the node's name.
func (n *Node) refuseNamesake(ctx context.Context) error {
	other, err := n.registry.ReadNode(ctx, n.nodeID)
	if err != nil || other.Address == "" || other.Address == n.address || !other.Member() {
		return err
	}
	ctx, cancel := env.WithTimeout(n.env, ctx, namesakeTimeout)
	defer cancel()
	peer, err := n.pool.Peer(ctx, other.Address)
	if err == nil && peer.NodeID == n.nodeID {
		return api.Errorf(api.CodeAlreadyExists, "node %s is alive at %s: stop it first, or give this one another "+
			"--node-id", n.nodeID, other.Address)
	}
	return nil // it does not answer: its lease is taken over
}

func (n *Node) joinSpec() registry.JoinSpec {
	spec := registry.JoinSpec{
		Node: registry.NodeInfo{ID: n.nodeID, Address: n.address, Capacity: n.config.Capacity,
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
