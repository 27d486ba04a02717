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
	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node/internal/activation"
	"github.com/kelpiehq/kelpie/pkg/node/internal/admin"
	"github.com/kelpiehq/kelpie/pkg/node/internal/call"
	"github.com/kelpiehq/kelpie/pkg/node/internal/host"
	"github.com/kelpiehq/kelpie/pkg/node/internal/mailbox"
	"github.com/kelpiehq/kelpie/pkg/node/internal/membership"
	"github.com/kelpiehq/kelpie/pkg/node/internal/migration"
	"github.com/kelpiehq/kelpie/pkg/node/internal/router"
	"github.com/kelpiehq/kelpie/pkg/node/internal/schedule"
	"github.com/kelpiehq/kelpie/pkg/node/internal/telemetry"
	"github.com/kelpiehq/kelpie/pkg/registry"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// storeHere is the store URL of a node that serves the store itself; its address is put behind it.
const storeHere = "kelpie://"

// namesakeTimeout bounds the question whether a node of the same name is alive elsewhere.
const namesakeTimeout = 2 * time.Second

// Node hosts actors. Its methods are safe for concurrent use.
type Node struct {
	telemetry.Scope
	config   Config
	kinds    map[string]*kind.Spec
	registry *registry.Registry

	cancel context.CancelCauseFunc
	tasks  *env.Group
	lease  *env.Task // beats

	listener  rpc.Listener
	server    *rpc.Server
	pool      *rpc.Pool
	contact   *membership.Contact
	members   *membership.Manager
	budget    *call.Budget
	mailboxes *mailbox.Table
	router    *router.Router
	loads     *membership.Loads
	reach     *membership.Reach
	peers     *membership.Peers
	recorder  *membership.Recorder
	scanner   *schedule.Scanner
	meter     *telemetry.Meter
	clock     telemetry.ClockSteps // of the heartbeat
	host      *host.Host
	waker     *schedule.Waker
	migrator  *migration.Migrator
	admin     *admin.Service

	keys *callkey.Keys // of calls from inside the process
	// listings bounds how many listings of the store are made at once.
	listings *env.Semaphore
	stopped  *env.Event
	address  string

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
	n := &Node{config: c, kinds: make(map[string]*kind.Spec), stopped: env.NewEvent(c.Env)}
	for _, k := range c.Kinds {
		n.kinds[k.Spec().Namespace] = k.Spec()
	}
	n.Scope = telemetry.Scope{Env: c.Env, Log: c.Logger, Events: telemetry.NewEvents(c.Env, c.NodeID),
		NodeID: c.NodeID, ClockAtStart: telemetry.ClockOffset(c.Env)}
	n.Ctx, n.cancel = env.WithCancelCause(context.Background())
	n.tasks = env.NewGroup(c.Env, n.Ctx)
	n.joinParts()
	n.placeParts()
	n.runParts()
	client := n.Env.Rand("calls").Bytes16()
	n.keys = callkey.New(string(client[:]))
	n.listings = env.NewSemaphore(c.Env, listingsAtOnce)
	n.register(c.Mux)
	n.server = rpc.NewServer(c.Env, rpc.ServerConfig{Identity: n.identity(), Logger: c.Logger,
		ConnectionsMax: c.MaxConnections, ConnectionsPerAddressMax: c.MaxConnectionsPerAddress}, c.Mux)
	return n, nil
}

func (n *Node) identity() rpc.Identity {
	return rpc.Identity{NodeID: n.NodeID, ClusterID: n.ClusterID, Incarnation: n.members.Incarnation}
}

// joinParts makes what connects the node to its store and to the other members.
func (n *Node) joinParts() {
	n.registry = registry.New(n.Env, n.config.Store)
	var trouble func() error
	if s, ok := n.config.Store.(interface{ Trouble() error }); ok {
		trouble = s.Trouble
	}
	n.contact = membership.NewContact(n.Scope, n.storeURL, trouble)
	n.registry.Through(n.contact)
	n.members = membership.New(membership.Deps{
		Scope: n.Scope, Kinds: n.kinds, Registry: n.registry, Contact: n.contact,
		Load: n.load, Unreachable: func() []registry.Unreachable { return n.reach.Unreachable() },
		Fenced: n.fenced, Failed: n.failed, Beaten: n.beaten,
	})
	n.recorder = membership.NewRecorder(n.Scope, n.registry, n.members, n.contact)
	n.loads = membership.NewLoads()
	n.reach = membership.NewReach(membership.ReachDeps{Scope: n.Scope, Registry: n.registry, Members: n.members,
		Ping: n.ping, FenceAfter: n.config.FenceUnreachable})
	n.pool = rpc.NewPool(n.Env, n.config.Transport, rpc.PoolConfig{Identity: n.identity(), Logger: n.Log})
	n.peers = &membership.Peers{Scope: n.Scope, Members: n.members, Pool: n.pool}
}

// placeParts makes what takes a call to its actor's mailbox, here or elsewhere.
func (n *Node) placeParts() {
	c := &n.config
	n.budget = &call.Budget{CallsMax: int64(c.MaxCalls), BytesMax: c.MaxCallBytes}
	n.mailboxes = mailbox.NewTable(mailbox.Limits{
		Pending: c.MaxPendingPerActor, Budget: n.budget, Capacity: c.Capacity, Memory: c.MemoryLimit})
	n.router = router.New(router.Deps{
		Scope: n.Scope, Kinds: n.kinds, Registry: n.registry, Mailboxes: n.mailboxes, Members: n.members,
		Contact: n.contact, Loads: n.loads, Reach: n.reach, Pool: n.pool,
	})
}

// runParts makes what runs actors, moves them, and shows them to operators.
func (n *Node) runParts() {
	n.meter = telemetry.NewMeter(n.Env.Monotonic(), n.config.Usage)
	n.waker = schedule.NewWaker(n.Scope, n.router)
	n.scanner = schedule.NewScanner(n.Scope, n.registry, n.members, n.waker)
	n.host = host.New(host.Deps{
		Parts: activation.Parts{
			Scope: n.Scope, Router: n.router, Members: n.members, Contact: n.contact, Timers: n.waker.Timers,
			Outboxes: schedule.NewOutboxes(n.Scope, n.members, n.waker), Meter: n.meter,
			MaxRecords: n.config.MaxRecords, MaxBatch: n.config.MaxBatch,
			CheckReads: n.config.CheckReads, ReadChanged: n.config.ReadChanged,
		},
		Kinds: n.kinds, Registry: n.registry, Mailboxes: n.mailboxes, Tasks: n.tasks,
	})
	n.migrator = migration.New(migration.Deps{
		Scope: n.Scope, Kinds: n.kinds, Registry: n.registry, Mailboxes: n.mailboxes, Router: n.router,
		Members: n.members, Loads: n.loads, Pool: n.pool, Host: n.host, Waker: n.waker, Peers: n.peers,
	})
	n.admin = admin.New(admin.Deps{
		Scope: n.Scope, Kinds: n.kinds, Store: n.config.Store, Registry: n.registry,
		Mailboxes: n.mailboxes, Router: n.router,
		Members: n.members, Contact: n.contact, Loads: n.loads, Meter: n.meter, Pool: n.pool,
		Migrator: n.migrator, Peers: n.peers,
		SetAside:    n.scanner.SetAside,
		ClusterInfo: n.clusterInfo,
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
	n.members.Spec = n.joinSpec()
	if err := n.members.Join(ctx); err != nil {
		return err
	}
	n.lease = env.Start(n.Env, n.Ctx, "heartbeat", n.keepLease)
	n.tasks.Go("serve", n.serve)
	n.tasks.Go("membership", n.members.FollowForever)
	n.tasks.Go("gossip", n.gossipForever)
	n.tasks.Go("events", n.recorder.Run)
	n.tasks.Go("idle", n.host.SweepForever)
	n.tasks.Go("handlers", n.host.WatchHandlers)
	n.tasks.Go("moves", n.migrator.Watch)
	n.tasks.Go("memory", n.host.WatchMemory)
	n.tasks.Go("timers", n.waker.Timers.Run)
	n.tasks.Go("due", n.scanner.Run)
	n.Log.Debug("joined", "node", n.NodeID, "address", n.address, "cluster", n.ClusterID(), "epoch",
		n.members.Member().Node.Epoch)
	return nil
}

// refuseNamesake returns an error if another process that is alive has the node's name.
func (n *Node) refuseNamesake(ctx context.Context) error {
	other, err := n.registry.ReadNode(ctx, n.NodeID)
	if err != nil || other.Address == "" || other.Address == n.address || !other.Member() {
		return err
	}
	ctx, cancel := env.WithTimeout(n.Env, ctx, namesakeTimeout)
	defer cancel()
	peer, err := n.pool.Peer(ctx, other.Address)
	if err == nil && peer.NodeID == n.NodeID {
		return api.Errorf(api.CodeAlreadyExists, "node %s is alive at %s: stop it first, or give this one another "+
			"--node-id", n.NodeID, other.Address)
	}
	return nil // it does not answer: its lease is taken over
}

func (n *Node) joinSpec() registry.JoinSpec {
	spec := registry.JoinSpec{
		Node: registry.NodeInfo{ID: n.NodeID, Address: n.address, Capacity: n.config.Capacity,
			Version: n.config.Version, Program: n.config.Program, Zone: n.config.Zone,
			Labels: slices.Sorted(slices.Values(n.config.Labels))},
		LeaseTTL: n.config.LeaseTTL, Heartbeat: n.config.Heartbeat, ClusterID: n.config.ClusterID,
	}
	versions := uint32(0)
	for _, k := range n.config.Kinds {
		spec.Node.Namespaces = append(spec.Node.Namespaces, k.Spec().Namespace)
		spec.Namespaces = append(spec.Namespaces, membership.DefaultSettings(k.Spec()))
		versions = max(versions, k.Spec().Version)
	}
	slices.Sort(spec.Node.Namespaces)
	for _, ns := range spec.Node.Namespaces {
		spec.Node.Durability = append(spec.Node.Durability, membership.Durability(n.kinds[ns]))
	}
	if versions > 0 {
		for _, ns := range spec.Node.Namespaces {
			spec.Node.StateVersions = append(spec.Node.StateVersions, n.kinds[ns].Version)
		}
	}
	slices.SortFunc(spec.Namespaces, func(a, b registry.Namespace) int { return strings.Compare(a.Name, b.Name) })
	return spec
}

func (n *Node) serve(ctx context.Context) {
	if err := n.server.Serve(ctx, n.listener); err != nil {
		n.end(api.Errorf(api.CodeInternal, "the listener at %s failed: %v", n.address, err))
	}
}

func (n *Node) keepLease(ctx context.Context) {
	if err := n.members.BeatForever(ctx); err != nil {
		n.Log.Error("this node ends", "error", err)
		n.end(err)
	}
}

// Invoke calls an actor, wherever it is, from inside the process. A key names the call, as that of
// client.WithIdempotencyKey does; with "" it has one of the node's own, and has its effect once however often the
// node sends it. It blocks until the answer comes or ctx ends. Errors are of type *api.Error.
func (n *Node) Invoke(ctx context.Context, id api.ActorID, method, key string, body []byte) ([]byte, error) {
	n.keys.Learn(n.newest(), n.Env.Monotonic())
	if err := n.contact.Err(); err != nil && !n.keys.Fresh(n.Env.Monotonic(), birthAgeMax) {
		return nil, err
	}
	named := n.keys.Next(key, id, n.Env.Now())
	defer n.keys.Done(&named, id)
	for {
		reply, err := n.invokeOnce(ctx, id, method, named, body)
		birth, refused := api.RefusedBirth(err)
		if !refused || birth == named.Birth || ctx.Err() != nil {
			return reply, err
		}
		n.keys.Relearn(birth, n.Env.Monotonic()) // it has not run: it may as well be born now
		named.Birth = birth
	}
}

func (n *Node) invokeOnce(ctx context.Context, id api.ActorID, method string, named api.CallKey, body []byte) (
	[]byte, error) {
	answer := env.NewFuture[[]byte](n.Env)
	if err := n.budget.Enter(len(body)); err != nil {
		return nil, err
	}
	entered := n.Env.Monotonic()
	c := &call.Call{
		Actor: id, Method: method, Key: named, Body: body,
		Context:  func() context.Context { return ctx },
		Deadline: n.Env.Monotonic() + call.DefaultDeadline,
		Finish: func(reply []byte, _ string, err error) {
			n.budget.Leave(len(body), n.Env.Monotonic()-entered)
			answer.Complete(reply, err)
		},
	}
	if at, ok := env.DeadlineAt(n.Env, ctx); ok {
		c.Deadline = at
	}
	c.GivenUpWith(ctx)
	if err := c.Validate(); err != nil {
		c.Finish(nil, "", err)
	} else {
		n.router.Route(c)
	}
	reply, err := answer.Wait(ctx)
	return reply, call.EndedBy(ctx, err)
}

// Load returns how busy the node is.
func (n *Node) Load() api.Load { return n.mailboxes.Load() }

// Calls returns how many calls are on their way in the node that came from outside of it.
func (n *Node) Calls() int { return int(n.budget.Calls.Load()) }

// Addr returns the address that others reach the node at, once it has started.
func (n *Node) Addr() string { return n.address }

// ClusterID returns the cluster's id, "" before the node has joined.
func (n *Node) ClusterID() string {
	if m := n.members.Member(); m != nil {
		return m.Meta.ClusterID
	}
	return ""
}
