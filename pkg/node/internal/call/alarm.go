// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package call

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/internal/kind"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// AlarmsMax and alarmsBytesMax bound the alarms of an actor: they are in memory, and loaded with the state.
	AlarmsMax = 100
	// AlarmsBytesMax is how many bytes all alarms of an actor take at most.
	AlarmsBytesMax = 1 << 20
	// FailuresMax is how often an alarm or a send fails before it goes to the dead letters.
	FailuresMax = 10
	// laterBackoffMin and laterBackoffMax bound the pause after a failure. It doubles with each.
	laterBackoffMin = time.Second
	laterBackoffMax = time.Minute

	alarmVersion = 1
	// alarmFields are those of the first version: number, birth, repeats and error have come later.
	alarmFields = 9
	// LastErrorBytesMax is how much is kept of the error with which an alarm or a message has failed last.
	LastErrorBytesMax = 200
	// RetriedAlarm begins the name of an alarm that was taken back from the dead letters.
	RetriedAlarm = "$retry/"
)

// Alarm is one that is set. It is not changed, but replaced.
type Alarm struct {
	kind.Alarm
	// Origin is the name that the handler knows it by, if it was taken back from the dead letters.
	Origin string
	// Tries is how often it has run in vain since it was due, Attempts being those that were its own fault. It runs
	// again not before retry, in milliseconds since 1970.
	Tries int
	Retry int64
	// Number tells apart the alarms of one name that were set for the same time; it grows with the actor's commits.
	// An alarm that comes again keeps its number, as does one that is taken back from the dead letters.
	Number uint64
	// Fresh alarms get their number with the commit that sets them.
	Fresh bool
	// Birth is that of the calls that the handler makes, from the first one on; 0 before.
	Birth uint64
	// Repeats says that it has come before: Due was counted from when that was, by the wall clock.
	Repeats bool
	// Error is that of the last failed run since it was due, for people.
	Error string
}

// Failing is how many alarms and messages have failed, or could not be delivered, and are tried again.
type Failing struct{ Alarms, Sends int32 }

// At is when the alarm is to run, in milliseconds since 1970: never 0, which is no time, nor DueAtOnce, which is that
// of messages.
func (al *Alarm) At() int64 { return max(al.Due.UnixMilli(), al.Retry, registry.DueAtOnce+1) }

// Key names the calls that the handler makes, so that one that runs again for the same time makes the same.
func (al *Alarm) Key(self api.ActorID, birth uint64) api.CallKey {
	name := al.Name
	if al.Origin != "" {
		name = al.Origin
	}
	text := self.String() + " " + strconv.FormatInt(al.Due.UnixMilli(), 10) + " " + name
	if al.Number != 0 {
		text += " " + strconv.FormatUint(al.Number, 10)
	}
	sum := sha256.Sum256([]byte(text))
	if al.Birth != 0 {
		birth = al.Birth
	}
	return api.CallKey{Name: "$alarm/" + hex.EncodeToString(sum[:16]), Birth: birth, Time: al.Due.UnixMicro()}
}

// Same reports whether the alarm is the same as one of an activation before, and has not run since.
func (al *Alarm) Same(as *Alarm) bool {
	return al.Name == as.Name && bytes.Equal(al.Encode(), as.Encode())
}

// Failed returns the alarm as it is after it has run in vain at a time.
func (al *Alarm) Failed(why error, now int64) *Alarm {
	next := *al
	next.Tries++
	next.Error = ClipTo(WireError(why).Message, LastErrorBytesMax)
	if CountsAsFailure(why) {
		next.Attempts++
	}
	next.Retry = now + LaterBackoff(next.Tries).Milliseconds()
	return &next
}

// LaterBackoff is the pause after so many tries in vain.
func LaterBackoff(tries int) time.Duration {
	return min(laterBackoffMin<<min(tries-1, 10), laterBackoffMax)
}

// Bytes is about what the alarm takes in memory.
func (al *Alarm) Bytes() int {
	const fixed = 200
	return fixed + len(al.Name) + len(al.Method) + len(al.Cron) + len(al.Request)
}

// Encode returns the alarm as the store has it, without its name.
func (al *Alarm) Encode() []byte {
	b := append(make([]byte, 0, 64+len(al.Request)), alarmVersion)
	b = api.AppendArrayHeader(b, alarmFields+4)
	b = api.AppendString(b, al.Method)
	b = api.AppendInt(b, al.Due.UnixMilli())
	b = api.AppendInt(b, int64(al.Every))
	b = api.AppendString(b, al.Cron)
	b = api.AppendUint(b, uint64(al.Attempts))
	b = api.AppendUint(b, uint64(al.Tries))
	b = api.AppendInt(b, al.Retry)
	b = api.AppendString(b, al.Origin)
	b = api.AppendBytes(b, al.Request)
	b = api.AppendUint(b, al.Number)
	b = api.AppendUint(b, al.Birth)
	b = api.AppendBool(b, al.Repeats)
	return api.AppendString(b, al.Error)
}

// DecodeAlarm reads an alarm back. Errors are CodeCorruptState.
func DecodeAlarm(e registry.Entry) (*Alarm, error) {
	corrupt := api.Errorf(api.CodeCorruptState, "an alarm can't be read: key %q", e.Key)
	t, err := tuple.Unpack(e.Key)
	if err != nil || len(t) != 2 || len(e.Value) == 0 || e.Value[0] != alarmVersion {
		return nil, corrupt
	}
	name, ok := t[1].(string)
	al := &Alarm{}
	d := api.NewDecoder(e.Value[1:])
	fields := d.Array()
	al.Name, al.Method = name, d.String()
	al.Due, al.Every, al.Cron = time.UnixMilli(d.Int()).UTC(), time.Duration(d.Int()), d.String()
	al.Attempts, al.Tries, al.Retry, al.Origin = d.Count(), d.Count(), d.Int(), d.String()
	al.Request = d.Bytes()
	if fields >= alarmFields+2 {
		al.Number, al.Birth = d.Uint(), d.Uint()
	}
	if fields >= alarmFields+3 {
		al.Repeats = d.Bool()
	}
	if fields >= alarmFields+4 {
		al.Error = d.String()
	}
	if !ok || d.Err() != nil || fields < alarmFields {
		return nil, corrupt
	}
	return al, nil
}
