// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serveVar makes the test binary the server of the system that it names. It writes its address to
// standard output, and ends when standard input does.
const serveVar = "KELPIE_BENCH_SERVE"

func TestMain(m *testing.M) {
	if name := os.Getenv(serveVar); name != "" {
		serve(name)
		return
	}
	os.Exit(m.Run())
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(name string) {
	i := slices.IndexFunc(systems, func(s system) bool { return s.name == name })
	addr, err := systems[i].serve()
	fatal(err)
	fmt.Println(addr)
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// start runs a system's server in a process of its own and connects callers to it.
func start(b *testing.B, s system, callers int) []caller {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVar+"="+s.name)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	check(b, err)
	stdout, err := cmd.StdoutPipe()
	check(b, err)
	check(b, cmd.Start())
	b.Cleanup(func() {
		check(b, stdin.Close())
		check(b, cmd.Wait())
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	check(b, err)
	all, closeAll, err := s.dial(strings.TrimSpace(addr), callers)
	check(b, err)
	b.Cleanup(closeAll)
	return all
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// run makes n calls from all callers together and returns how long it took.
func run(b *testing.B, callers []caller, payload []byte, n int) time.Duration {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	begin := time.Now()
	for _, call := range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := call(payload); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	return took
}

const (
	callersCount = 64
	payloadBytes = 100
	// turns is how often each system is measured, each time for about turnTime: what else the machine
	// does meets all of them alike.
	turns    = 7
	turnTime = 500 * time.Millisecond
)

// BenchmarkEcho measures the systems in turns and reports the median of calls
// per second of each, and their ratio to gRPC's.
func BenchmarkEcho(b *testing.B) {
	payload := bytes.Repeat([]byte("k"), payloadBytes)
	rates := make([][]float64, len(systems))
	all := make([][]caller, len(systems))
	count := make([]int, len(systems))
	for i, s := range systems {
		all[i] = start(b, s, callersCount)
		warm := 20_000
		count[i] = int(float64(warm) * float64(turnTime) / float64(run(b, all[i], payload, warm)))
	}
	for b.Loop() {
		for range turns {
			for i := range systems {
				took := run(b, all[i], payload, count[i])
				rates[i] = append(rates[i], float64(count[i])/took.Seconds())
			}
		}
	}
	grpc := median(rates[slices.IndexFunc(systems, func(s system) bool { return s.name == "grpc" })])
	for i, s := range systems {
		rate := median(rates[i])
		b.ReportMetric(rate, s.name+"/s")
		b.ReportMetric(rate/grpc, s.name+"/grpc")
	}
	b.ReportMetric(0, "ns/op")
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// BenchmarkSystem measures one system alone, for profiles.
func BenchmarkSystem(b *testing.B) {
	payload := bytes.Repeat([]byte("k"), payloadBytes)
	for _, s := range systems {
		b.Run(s.name, func(b *testing.B) {
			callers := start(b, s, callersCount)
			b.ReportAllocs()
			b.ResetTimer()
			run(b, callers, payload, b.N)
		})
	}
}
