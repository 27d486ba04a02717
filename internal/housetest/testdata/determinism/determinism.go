// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

// Package determinism breaks every rule for simulated packages. A comment "want X" says that the
// finding of its line contains X; a line without one is within the rules.
package determinism

import (
	"context"
	"fmt"
	"hash/maphash" // want "import of hash/maphash"
	"maps"
	"math/rand/v2" // want "import of math/rand/v2"
	"net"
	"os" // want "import of os"
	"reflect"
	"runtime"
	"slices"
	"sync"
	clock "time"
	"unsafe" // want "import of unsafe"
)

func tasks(stop bool) {
	go tasks(false)    // want "go statement"
	var c chan int     // want "channel type"
	c = make(chan int) // want "make of a channel" want "channel type"
	c <- 1             // want "send on a channel"
	<-c                // want "receive from a channel"
	for range c {      // want "range over a channel"
	}
	close(c)  // want "close of a channel"
	select {} // want "select"
}

type signal = chan struct{} // want "channel type"

func named() {
	c := make(signal) // want "make of a channel"
	close(c)          // want "close of a channel"
}

func blocking() {
	var all sync.WaitGroup // want "sync.WaitGroup"
	all.Wait()
	_ = sync.NewCond(nil) // want "sync.NewCond"
	_ = sync.Pool{}       // want "sync.Pool"
	var short sync.Mutex
	short.Lock()
	short.Unlock()
	runtime.Gosched()              // want "runtime.Gosched"
	runtime.SetFinalizer(nil, nil) // want "runtime.SetFinalizer"
}

func clocks(d clock.Duration) clock.Time {
	clock.Sleep(d)         // want "time.Sleep"
	<-clock.After(d)       // want "time.After" want "receive"
	t := clock.NewTimer(d) // want "time.NewTimer"
	defer t.Stop()
	sleep := clock.Sleep             // want "time.Sleep"
	sleep(clock.Since(clock.Time{})) // want "time.Since"
	return clock.Now()               // want "time.Now"
}

func contexts(ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, 0) // want "context.WithTimeout"
	cancel()
	ctx, cancel = context.WithCancel(ctx) // want "context.WithCancel"
	cancel()
	context.AfterFunc(ctx, cancel) // want "context.AfterFunc"
	<-ctx.Done()                   // want "receive from a channel"
	return context.WithValue(ctx, 0, 0)
}

func chance() (uint64, []byte, uint64) {
	var h maphash.Hash
	return rand.Uint64(), nil, h.Sum64()
}

func outside() {
	_, _ = net.Dial("tcp", net.JoinHostPort("::1", "1")) // want "net.Dial"
	_ = os.Getpid()
	fmt.Printf("%p", &outside2) // want "%p"
}

var outside2 = unsafe.Sizeof(0)

func order[M map[K]V, K comparable, V any](m map[string]int, g M, s *sync.Map) {
	for k := range m { // want "range over a map"
		_ = k
	}
	for _, v := range g { // want "range over a map"
		_ = v
	}
	for range m {
	}
	//kelpie:unordered the sum is the same in any order
	for _, v := range m {
		_ = v
	}
	for _, v := range m { //kelpie:unordered the sum is the same in any order
		_ = v
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		_ = k
	}
	for k := range maps.Keys(m) { // want "maps.Keys"
		_ = k
	}
	_ = slices.Collect(maps.Values(m))           // want "maps.Values"
	s.Range(func(any, any) bool { return true }) // want "sync.Map.Range"
	_ = reflect.ValueOf(m).MapKeys()             // want "reflect.Value.MapKeys"
	for _, i := range []int{1} {
		_ = i
	}
	/* want "without a reason" */ //kelpie:unordered
	for k := range m {
		_ = k
	}
	/* want "marks nothing" */ //kelpie:unordered there is no range here
}
