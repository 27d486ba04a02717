// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

// AlarmRow is a row of `kelpie alarms ls`: an alarm that is set.
type AlarmRow struct {
	Actor string `msgpack:"actor" json:"actor"`
	// Alarm is its name, of which an actor has one at a time.
	Alarm  string `msgpack:"alarm" json:"alarm"`
	Method string `msgpack:"method" json:"method"`
	// Next is when it runs next, Due the time for which it is set, RFC 3339: they differ once a run has failed.
	Next string `msgpack:"next" json:"next"`
	Due  string `msgpack:"due" json:"due"`
	// OverdueMillis is for how long it has been due, by the clock of the node that answers; 0 if it is not due yet.
	OverdueMillis int64 `msgpack:"overdue_ms" json:"overdue_ms"`
	// SetAside says that no member hosts its namespace and accepts actors: it waits until one does.
	SetAside bool `msgpack:"set_aside" json:"set_aside"`
	// Repeats says when it comes again: "every 1h0m0s", or a cron expression; empty if it does not.
	Repeats string `msgpack:"repeats" json:"repeats"`
	// Attempts is how often it has failed since it was due, Tries how often a run has failed, whatever the reason.
	Attempts int `msgpack:"attempts" json:"attempts"`
	Tries    int `msgpack:"tries" json:"tries"`
	// Error is that of the last failed run since it was due; empty if there was none.
	Error string `msgpack:"error" json:"error"`
	// RequestBytes is the size of the encoded request.
	RequestBytes int `msgpack:"request_bytes" json:"request_bytes"`
}

// AlarmsRequest is the request of MethodAlarms: one page, in order of actor and name.
type AlarmsRequest struct {
	Namespace string `msgpack:"namespace"` // empty: all
	Actor     string `msgpack:"actor"`     // empty: all
	// Prefix is what the ids of actors begin with.
	Prefix string `msgpack:"prefix"`
	Alarm  string `msgpack:"alarm"` // empty: all
	// Overdue asks for those that are due, and have not run since.
	Overdue bool `msgpack:"overdue"`
	// After and AfterAlarm are the Next and NextAlarm of the page before; empty for the first.
	After      string `msgpack:"after"`
	AfterAlarm string `msgpack:"after_alarm"`
	// Limit is the greatest number of rows; 0 is 1,000, which is also the most.
	Limit int `msgpack:"limit"`
}

// AlarmsReply answers it. Next is empty after the last page. The page is of all alarms up to those of Next, or, if
// NextAlarm is not empty, up to that alarm of it. There may be no rows on a page that is not the last.
type AlarmsReply struct {
	Alarms    []AlarmRow `msgpack:"alarms"`
	Next      string     `msgpack:"next"`
	NextAlarm string     `msgpack:"next_alarm"`
}

// AlarmRequest is the request of MethodAlarmCancel, which fails as CodeNotFound without the alarm.
type AlarmRequest struct {
	Actor string `msgpack:"actor"`
	Alarm string `msgpack:"alarm"`
}

// AlarmReply answers it.
type AlarmReply struct {
	Actor string `msgpack:"actor" json:"actor"`
	Alarm string `msgpack:"alarm" json:"alarm"`
}
