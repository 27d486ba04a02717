// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/bench"
)

// benchRow is the JSON of a run.
type benchRow struct {
	Target        string           `json:"target"`
	Namespace     string           `json:"namespace"`
	Mix           string           `json:"mix"`
	PayloadBytes  int              `json:"payload_bytes"`
	Actors        int              `json:"actors"`
	Callers       int              `json:"callers"`
	Rate          int              `json:"rate"`
	Stale         bool             `json:"stale"`
	WarmUpSeconds float64          `json:"warm_up_seconds"`
	Seconds       float64          `json:"seconds"`
	Interrupted   bool             `json:"interrupted"`
	Unsent        int64            `json:"unsent"`
	Total         benchMethodRow   `json:"total"`
	Methods       []benchMethodRow `json:"methods"`
	Errors        []benchErrorRow  `json:"errors"`
}

// benchMethodRow is what became of the calls of a method. Times are in microseconds.
type benchMethodRow struct {
	Method         string  `json:"method"`
	Calls          int64   `json:"calls"`
	Failed         int64   `json:"failed"`
	CallsPerSecond float64 `json:"calls_per_second"`
	Mean           float64 `json:"mean_us"`
	P50            float64 `json:"p50_us"`
	P90            float64 `json:"p90_us"`
	P99            float64 `json:"p99_us"`
	P999           float64 `json:"p999_us"`
	Max            float64 `json:"max_us"`
}

// benchErrorRow is how many calls failed in one way.
type benchErrorRow struct {
	Code    string `json:"code"`
	Count   int64  `json:"count"`
	Example string `json:"example"`
}

// benchListing describes the JSON of a run.
var benchListing = listing[benchRow]{fields: []field[benchRow]{
	{key: "target", meaning: "the addresses of --addr, or \"local\" and the store"},
	{key: "namespace", meaning: "of the actors"},
	{key: "mix", meaning: "methods with their weights"},
	{key: "payload_bytes", meaning: "size of the values sent, by methods that send one"},
	{key: "actors", meaning: "number of actors called"},
	{key: "callers", meaning: "maximum calls in flight"},
	{key: "rate", meaning: "calls due per second, 0 if each caller waited for its answer"},
	{key: "stale", meaning: "whether reads were answered from memory"},
	{key: "warm_up_seconds", meaning: "warm-up time"},
	{key: "seconds", meaning: "measured time"},
	{key: "interrupted", meaning: "whether a signal ended the run"},
	{key: "unsent", meaning: "calls that were due by --rate but not started, because all callers were busy"},
	{key: "total", meaning: "all methods together, as an object like those in methods; its method is all"},
	{key: "methods", meaning: "one object per method: method, calls (answered), failed, calls_per_second " +
		"(answered), and the latencies of answered calls in microseconds: mean_us, p50_us, p90_us, p99_us, " +
		"p999_us, max_us"},
	{key: "errors", meaning: "one object per error code: code, count and example, the most frequent first"},
}}

var benchMethodListing = listing[benchMethodRow]{
	name: func(r *benchMethodRow) string { return r.Method },
	fields: []field[benchMethodRow]{
		{header: "METHOD", cell: func(r *benchMethodRow) string { return r.Method }},
		{header: "CALLS", cell: func(r *benchMethodRow) string { return strconv.FormatInt(r.Calls, 10) }},
		{header: "FAILED", cell: func(r *benchMethodRow) string { return strconv.FormatInt(r.Failed, 10) }},
		{header: "CALLS/S", cell: func(r *benchMethodRow) string { return perSecond(r.CallsPerSecond) }},
		{header: "MEAN", wide: true, cell: func(r *benchMethodRow) string { return r.latency(r.Mean) }},
		{header: "P50", cell: func(r *benchMethodRow) string { return r.latency(r.P50) }},
		{header: "P90", cell: func(r *benchMethodRow) string { return r.latency(r.P90) }},
		{header: "P99", cell: func(r *benchMethodRow) string { return r.latency(r.P99) }},
		{header: "P99.9", cell: func(r *benchMethodRow) string { return r.latency(r.P999) }},
		{header: "MAX", cell: func(r *benchMethodRow) string { return r.latency(r.Max) }},
	},
}

// newBenchRow returns the row that describes a run.
func newBenchRow(f *benchFlags, r *bench.Result) benchRow {
	c := &f.config
	row := benchRow{
		Target: f.target(), Namespace: c.Namespace, Mix: c.Mix.String(), PayloadBytes: f.payloadBytes,
		Actors: c.Actors, Callers: c.Callers, Rate: c.Rate, Stale: f.stale,
		WarmUpSeconds: seconds(c.WarmUp), Seconds: seconds(r.Elapsed), Interrupted: r.Interrupted, Unsent: r.Unsent,
		Total: newBenchMethodRow("all", r.All), Errors: []benchErrorRow{},
	}
	for _, t := range r.Methods {
		row.Methods = append(row.Methods, newBenchMethodRow(t.Method, t))
	}
	for _, e := range r.Errors {
		row.Errors = append(row.Errors, benchErrorRow{e.Code.String(), e.Count, e.Example.Error()})
	}
	return row
}

func newBenchMethodRow(method string, t bench.Tally) benchMethodRow {
	l := &t.Latency
	return benchMethodRow{
		Method: method, Calls: t.Answered, Failed: t.Failed, CallsPerSecond: tenths(t.PerSecond),
		Mean: micros(l.Mean), P50: micros(l.P50), P90: micros(l.P90), P99: micros(l.P99), P999: micros(l.P999),
		Max: micros(l.Max),
	}
}

// latency shows a time in microseconds, if there is any.
func (r *benchMethodRow) latency(micros float64) string {
	if r.Calls == 0 {
		return "-"
	}
	return shortTime(time.Duration(micros * float64(time.Microsecond)))
}

func micros(d time.Duration) float64 { return tenths(float64(d) / float64(time.Microsecond)) }

func tenths(f float64) float64 { return math.Round(f*10) / 10 }

func perSecond(f float64) string {
	if f < 100 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}

// shortTime shows about three digits of a time.
func shortTime(d time.Duration) string {
	for unit := 10 * time.Millisecond; unit > 100*time.Nanosecond; unit /= 10 {
		if d >= 100*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(100 * time.Nanosecond).String()
}
