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

// SendRow is a row of `kelpie sends ls`: a message that is not delivered yet.
type SendRow struct {
	// Send names it: ACTOR#NUMBER. Numbers of an actor grow.
	Send string `msgpack:"send" json:"send"`
	// Actor has sent it, Target is to get it.
	Actor  string `msgpack:"actor" json:"actor"`
	Target string `msgpack:"target" json:"target"`
	Method string `msgpack:"method" json:"method"`
	// Sent is when it was sent, by the clock of the sender's node, RFC 3339; AgeMillis is for how long it has waited by
	// that of the node that answers.
	Sent      string `msgpack:"sent" json:"sent"`
	AgeMillis int64  `msgpack:"age_ms" json:"age_ms"`
	// Attempts is how often it has failed, as far as that is stored. Next is when the next try begins, RFC 3339; empty
	// if it has begun, or waits for a message before it. Error is why the last try did not deliver it.
	Attempts int    `msgpack:"attempts" json:"attempts"`
	Next     string `msgpack:"next" json:"next"`
	Error    string `msgpack:"error" json:"error"`
	// RequestBytes is the size of the encoded request.
	RequestBytes int `msgpack:"request_bytes" json:"request_bytes"`
}

// SendsRequest is the request of MethodSends: one page, in order of actor and number.
type SendsRequest struct {
	Namespace string `msgpack:"namespace"` // of the sender; empty: all
	Actor     string `msgpack:"actor"`     // the sender; empty: all
	// Prefix is what the ids of senders begin with.
	Prefix string `msgpack:"prefix"`
	Target string `msgpack:"target"` // empty: all
	// Overdue asks for those that have waited for more than a minute.
	Overdue bool `msgpack:"overdue"`
	// After is the Next of the page before; empty for the first.
	After string `msgpack:"after"`
	// Limit is the greatest number of rows; 0 is 1,000, which is also the most.
	Limit int `msgpack:"limit"`
}

// SendsReply answers it. Next is empty after the last page. There may be no rows on a page that is not the last.
type SendsReply struct {
	Sends []SendRow `msgpack:"sends"`
	Next  string    `msgpack:"next"`
}

// SendDropRequest is the request of MethodSendDrop, which fails as CodeNotFound if no message is as it says.
type SendDropRequest struct {
	Actor  string `msgpack:"actor"`
	Number uint64 `msgpack:"number"` // 0: all
	Target string `msgpack:"target"` // empty: all
}

// SendDropReply answers it: how many messages have left the outbox and are not known to be handled.
type SendDropReply struct {
	Dropped int `msgpack:"dropped" json:"dropped"`
	// Unclear of them may have been handled, or are being handled: a try of them was not answered, or was another
	// activation's.
	Unclear int `msgpack:"unclear" json:"unclear"`
	// Delivered more were handled before they could be dropped.
	Delivered int `msgpack:"delivered" json:"delivered"`
}
