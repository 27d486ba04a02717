// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/internal/cli"
	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/kv"
	"github.com/kelpiehq/kelpie/pkg/rpc"
	"github.com/kelpiehq/kelpie/pkg/rpc/tcp"
)

// serving is the line that a node or store logs once it serves.
type serving struct {
	Message string `json:"msg"`
	Node    string `json:"node"`
	Address string `json:"address"`
	Cluster string `json:"cluster"`
	Store   string `json:"store"`
}

// running is a node or a store that runs within the test.
type running struct {
	serving
	signals chan<- os.Signal
	ended   <-chan error
}

// start runs f, which logs JSON, until it serves or ends with the error returned.
func start(t *testing.T, message string, f func(p cli.Process) error) (*running, error) {
	t.Helper()
	p, signals := signalled()
	logs, stderr := io.Pipe()
	p.Stderr = stderr
	p.Getenv = func(string) string { return "" }
	ended := make(chan error, 1)
	go func() {
		err := f(p)
		stderr.Close()
		ended <- err
	}()
	r := &running{signals: signals, ended: ended}
	lines := bufio.NewScanner(logs)
	for lines.Scan() {
		if json.Unmarshal(lines.Bytes(), &r.serving) == nil && r.Message == message {
			go io.Copy(io.Discard, logs)
			return r, nil
		}
	}
	return nil, <-ended
}

// stop asks to stop and returns how it ended.
func (r *running) stop() error {
	r.signals <- os.Interrupt
	return <-r.ended
}

// options are those of a node that is started by a test: on any port, with short leases.
func options(t *testing.T, name string, change func(o *Options)) Options {
	t.Helper()
	o := Options{
		NodeID: name, Listen: "127.0.0.1:0", DataDir: filepath.Join(t.TempDir(), name),
		Log: LogOptions{Level: "info", Format: "json"},
	}
	if change != nil {
		change(&o)
	}
	return o
}

// begin starts a node that is stopped with the test.
func begin(t *testing.T, o Options, kinds ...actor.Kind) *running {
	t.Helper()
	r, err := tryBegin(t, o, kinds...)
	if err != nil {
		t.Fatalf("node %s does not start: %v", o.NodeID, err)
	}
	return r
}

func tryBegin(t *testing.T, o Options, kinds ...actor.Kind) (*running, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := start(t, "serving", func(p cli.Process) error { return Run(ctx, p, o, "test", kinds...) })
	if err != nil {
		cancel()
		return nil, err
	}
	done := make(chan error, 1)
	ended := r.ended
	go func() {
		err := <-ended
		done <- err
		close(done)
	}()
	r.ended = done
	t.Cleanup(func() {
		cancel()
		for range done { // until it is closed: the node has ended
		}
	})
	return r, nil
}

// refused wants a node not to start, with an exit code and a message of at most two lines that has all of says.
func refused(t *testing.T, o Options, code int, says ...string) {
	t.Helper()
	_, err := tryBegin(t, o)
	var b strings.Builder
	if err != nil {
		cli.PrintError(&b, err)
	}
	if cli.ExitCodeOf(err) != code || strings.Count(b.String(), "\n") > 2 {
		t.Errorf("exit code %d, want %d, with\n%s", cli.ExitCodeOf(err), code, b.String())
	}
	for _, s := range says {
		if !strings.Contains(b.String(), s) {
			t.Errorf("does not say %q:\n%s", s, b.String())
		}
	}
}

// TestNodeRemembers shows that a joiner learns the cluster and its store once, and restarts from what it
// remembers, under its own name; and that a node with the store restarts with its data.
func TestNodeRemembers(t *testing.T) {
	first := options(t, "first", nil)
	a := begin(t, first)
	first.Listen = a.Address // the joiner remembers it
	joiner := options(t, "joiner", func(o *Options) { o.Join = []string{"127.0.0.1:1", a.Address} })
	b := begin(t, joiner)
	if b.Cluster != a.Cluster || b.Store != "kelpie://"+a.Address {
		t.Fatalf("joined %s at %s, want %s at kelpie://%s", b.Cluster, b.Store, a.Cluster, a.Address)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	joiner.Join, joiner.NodeID = nil, ""
	joiner.Listen = "127.0.0.1:" + freePort(t)
	b = begin(t, joiner)
	if b.Cluster != a.Cluster || b.Node != "joiner" {
		t.Errorf("after a restart %s is in cluster %s, want joiner in %s", b.Node, b.Cluster, a.Cluster)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	if again := begin(t, first); again.Cluster != a.Cluster {
		t.Errorf("after a restart the store holds cluster %s, want %s", again.Cluster, a.Cluster)
	}
}

// TestJoinByMemory shows that a member starts although nobody of --join answers, and that a newcomer does not.
func TestJoinByMemory(t *testing.T) {
	o := options(t, "only", nil)
	a := begin(t, o)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	o.Join = []string{"127.0.0.1:" + freePort(t)}
	if again := begin(t, o); again.Cluster != a.Cluster {
		t.Errorf("restarted in cluster %s, want %s", again.Cluster, a.Cluster)
	}
}

// TestStoreOwnerJoins shows that a node with the store keeps to it, when it is restarted with the address of a node
// that uses it.
func TestStoreOwnerJoins(t *testing.T) {
	o := options(t, "owner", nil)
	a := begin(t, o)
	o.Listen = a.Address
	joiner := options(t, "joiner", func(o *Options) { o.Join = []string{a.Address} })
	b := begin(t, joiner)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	o.Join = []string{b.Address}
	if again := begin(t, o); again.Cluster != a.Cluster || !strings.HasPrefix(again.Store, "pebble:") {
		t.Errorf("restarted with %s, want its own", again.Store)
	}
	if err := b.stop(); err != nil { // while there is a store to tell
		t.Error(err)
	}
}

// TestMemoryLeavesNothing shows that a node whose store is in memory writes no files.
func TestMemoryLeavesNothing(t *testing.T) {
	o := options(t, "m", func(o *Options) { o.Store = "memory:" })
	if err := begin(t, o).stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(o.DataDir); !os.IsNotExist(err) {
		t.Errorf("there is a data directory (%v)", err)
	}
}

// TestBadStarts shows what a node says that can't start.
func TestBadStarts(t *testing.T) {
	mine := options(t, "mine", nil)
	a := begin(t, mine)
	other := begin(t, options(t, "other", func(o *Options) { o.Store = "memory:" }))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	member := options(t, "member", func(o *Options) { o.Join = []string{a.Address} })
	if err := begin(t, member).stop(); err != nil {
		t.Fatal(err)
	}

	t.Run("port in use", func(t *testing.T) {
		refused(t, options(t, "x", func(o *Options) { o.Listen = a.Address }), cli.ExitRefused, a.Address,
			"address already in use", "--listen")
	})
	t.Run("data directory in use", func(t *testing.T) {
		refused(t, options(t, "mine", func(o *Options) { o.DataDir = mine.DataDir }), cli.ExitRefused, mine.DataDir,
			"in use by another process", "--data-dir")
	})
	t.Run("unwritable directory", func(t *testing.T) {
		refused(t, options(t, "x", func(o *Options) { o.DataDir = filepath.Join(file, "x") }), cli.ExitRefused, file,
			"not a directory", "--data-dir")
		refused(t, options(t, "x", func(o *Options) { o.DataDir = ""; o.Store = "pebble:/proc/kelpie" }), cli.ExitRefused,
			"/proc/kelpie", "--store pebble:DIR")
		refused(t, options(t, "x", func(o *Options) { o.DataDir = "/proc/kelpie"; o.Join = []string{a.Address} }),
			cli.ExitRefused, "/proc/kelpie", "--data-dir")
	})
	t.Run("FoundationDB", func(t *testing.T) {
		refused(t, options(t, "x", func(o *Options) { o.Store = "fdb:" }), cli.ExitRefused, "without FoundationDB",
			"-tags fdb")
	})
	t.Run("dead address", func(t *testing.T) {
		dead := "127.0.0.1:" + freePort(t)
		refused(t, options(t, "x", func(o *Options) { o.Join = []string{dead} }), cli.ExitUnavailable, dead,
			"connection refused", "--join")
	})
	t.Run("another cluster", func(t *testing.T) {
		rejoin := member
		rejoin.Join = []string{other.Address}
		refused(t, rejoin, cli.ExitRefused, other.Cluster, a.Cluster, "--data-dir")
		refused(t, options(t, "x", func(o *Options) {
			o.Join, o.Store = []string{a.Address}, "kelpie://"+other.Address
		}), cli.ExitRefused, other.Cluster, a.Cluster, "--store")
		refused(t, options(t, "x", func(o *Options) {
			o.Join, o.Store = []string{a.Address}, "pebble:"
		}), cli.ExitRefused, "the store is empty", a.Cluster)
		forgetful := member
		forgetful.Join, forgetful.Store = nil, "kelpie://"+other.Address
		refused(t, forgetful, cli.ExitRefused, other.Cluster, a.Cluster, "--data-dir")
	})
	t.Run("no node", func(t *testing.T) {
		s, err := start(t, "serving store", func(p cli.Process) error {
			return ServeStore(t.Context(), p,
				StoreOptions{Listen: "127.0.0.1:0", Store: "memory:", Log: LogOptions{Level: "info", Format: "json"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		refused(t, options(t, "x", func(o *Options) { o.Join = []string{s.Address} }), cli.ExitUnavailable, s.Address+
			" (not a node)", "--join")
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	t.Run("another version", func(t *testing.T) {
		refused(t, options(t, "x", func(o *Options) { o.Join = []string{strangeNode(t)} }), cli.ExitRefused,
			"protocol versions differ", "--join", "version")
		refused(t, options(t, "x", func(o *Options) { o.Store = "kelpie://" + strangeNode(t) }), cli.ExitRefused,
			"protocol versions differ", "--store", "version")
	})
	t.Run("name alive elsewhere", func(t *testing.T) {
		refused(t, options(t, "mine", func(o *Options) { o.Join = []string{a.Address} }), cli.ExitRefused, "mine",
			a.Address, "--node-id")
	})
	t.Run("name of another node", func(t *testing.T) {
		renamed := member
		renamed.NodeID = "renamed"
		refused(t, renamed, cli.ExitRefused, "member", "renamed", "--node-id")
	})
	t.Run("lease", func(t *testing.T) {
		refused(t, options(t, "x", func(o *Options) { o.Join = []string{a.Address}; o.LeaseTTL = time.Hour }),
			cli.ExitRefused, "--lease-ttl")
		refused(t, options(t, "x", func(o *Options) { o.LeaseTTL, o.Heartbeat = time.Second, time.Second }), cli.ExitUsage,
			"heartbeat")
	})
}

// strangeNode answers every hello as a node of another protocol does, and returns its address.
func strangeNode(t *testing.T) string {
	t.Helper()
	l, err := tcp.New().Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(env.Real(), rpc.ServerConfig{Admit: func(rpc.PeerInfo, string) error {
		return api.Errorf(api.CodeMismatch, "protocol versions differ: the server speaks 8 to 9, the caller 1 to 1")
	}}, rpc.NewMux())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr()
}

// freePort returns a port that no process listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// blocker is an actor whose calls wait until they are let go.
type blocker struct {
	entered, leave chan struct{}
}

func (b *blocker) kind() actor.Kind {
	return actor.New[struct{}]("blocker").With(
		actor.WriteFunc("block", func(*actor.Context, *struct{}, struct{}) (int, error) {
			b.entered <- struct{}{}
			<-b.leave
			return 7, nil
		}))
}

// call calls an actor of the node at addr and returns where the answer will be.
func call(t *testing.T, addr string) <-chan error {
	t.Helper()
	pool := rpc.NewPool(env.Real(), tcp.New(), rpc.PoolConfig{})
	t.Cleanup(pool.Close)
	req := api.InvokeRequest{Actor: api.ActorID{Namespace: "blocker", ID: "a"}, Method: "block"}
	answered := make(chan error, 1)
	go func() {
		_, err := pool.Call(context.Background(), addr, rpc.ClassCall, api.MethodInvoke, req.AppendTo(nil))
		answered <- err
	}()
	return answered
}

// TestGracefulStop shows that a call which is being executed when the node is asked to stop is answered.
func TestGracefulStop(t *testing.T) {
	b := &blocker{make(chan struct{}), make(chan struct{})}
	n := begin(t, options(t, "n", func(o *Options) { o.Store = "memory:" }), b.kind())
	answered := call(t, n.Address)
	<-b.entered
	n.signals <- os.Interrupt
	close(b.leave)
	if err := <-answered; err != nil {
		t.Errorf("the call was answered %v", err)
	}
	if err := <-n.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
}

// TestStopAtOnce shows that a second signal does not wait for a call that hangs.
func TestStopAtOnce(t *testing.T) {
	b := &blocker{make(chan struct{}), make(chan struct{})}
	n := begin(t, options(t, "n", func(o *Options) { o.Store = "memory:" }), b.kind())
	answered := call(t, n.Address)
	<-b.entered
	n.signals <- os.Interrupt
	n.signals <- os.Interrupt
	if err := <-n.ended; cli.ExitCodeOf(err) != cli.ExitInterrupted {
		t.Errorf("the node ended with %v", err)
	}
	close(b.leave)
	<-answered
}

// TestServeStore shows that a served store can be used by others, and stops although they wait for it.
func TestServeStore(t *testing.T) {
	o := StoreOptions{Listen: "127.0.0.1:0", Store: "pebble:", DataDir: t.TempDir(),
		Log: LogOptions{Level: "info", Format: "json"}}
	serve := func() (*running, error) {
		return start(t, "serving store", func(p cli.Process) error { return ServeStore(context.Background(), p, o) })
	}
	s, err := serve()
	if err != nil {
		t.Fatal(err)
	}
	o.Listen = s.Address
	if _, err := serve(); cli.ExitCodeOf(err) != cli.ExitRefused || !strings.Contains(cli.Message(err), "address already in use") {
		t.Errorf("a second store at the address: %v", err)
	}
	o.Listen = "127.0.0.1:0"
	if _, err := serve(); cli.ExitCodeOf(err) != cli.ExitRefused ||
		!strings.Contains(cli.Message(err), "in use by another process") {
		t.Errorf("a second store in the directory: %v", err)
	}

	store, err := OpenStore(t.Context(), "kelpie://"+s.Address)
	if err != nil {
		t.Fatal(err)
	}
	watch, err := kv.Transact(t.Context(), env.Real(), store, kv.TxOptions{},
		func(ctx context.Context, tx kv.Tx) (kv.Watch, error) {
			tx.Set([]byte("a"), []byte("1"))
			return tx.Watch(ctx, []byte("b"))
		})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Errorf("the store ended with %v", err)
	}
	if err := watch.Wait(t.Context()); err == nil {
		t.Error("the watch fired")
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// TestServeStoreErrors shows what can't be served.
func TestServeStoreErrors(t *testing.T) {
	for _, c := range []struct{ listen, store, says string }{
		{"7500", "memory:", "write HOST:PORT"},
		{"127.0.0.1:0", "mongo:", "of an unknown kind"},
		{"127.0.0.1:0", "kelpie://127.0.0.1:1", "is already networked"},
		{"127.0.0.1:0", "fdb:", "is already networked"},
	} {
		p, _ := signalled()
		err := ServeStore(t.Context(), p,
			StoreOptions{Listen: c.listen, Store: c.store, Log: LogOptions{Level: "info", Format: "text"}})
		if cli.ExitCodeOf(err) != cli.ExitUsage || !strings.Contains(cli.Message(err), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestOpenStore shows that looking for a store does not make one.
func TestOpenStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	for url, code := range map[string]int{"memory:": cli.ExitUsage, "pebble:": cli.ExitUsage, "mongo:": cli.ExitUsage,
		"pebble:" + dir: cli.ExitNotFound, "fdb:": cli.ExitRefused} {
		if _, err := OpenStore(t.Context(), url); cli.ExitCodeOf(err) != code {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory was made (%v)", err)
	}
}
