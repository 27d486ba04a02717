// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/kv/tuple"
	"github.com/kelpiehq/kelpie/pkg/registry"
)

const (
	// alarmsMax and alarmsBytesMax bound the alarms of an actor: they are in memory, and loaded with the state.
	alarmsMax      = 100
	alarmsBytesMax = 1 << 20
	// failuresMax is how often an alarm or a send fails before it goes to the dead letters.
	failuresMax = 10
	// laterBackoffMin and laterBackoffMax bound the pause after a failure. It doubles with each.
	laterBackoffMin = time.Second
	laterBackoffMax = time.Minute

	alarmVersion = 1
	// alarmFields are those of the first version: number and birth have come later.
	alarmFields = 9
	// retriedAlarm begins the name of an alarm that was taken back from the dead letters.
	retriedAlarm = "$retry/"
)

// alarmPart begins the keys of an actor's alarms. It is itself the key of the time of its entry in the list of what
// is due. It sorts behind the key-value space, and before all else that is loaded with the state.
var alarmPart = tuple.Pack("l")

func alarmKey(name string) []byte { return tuple.Pack("l", name) }

// alarm is one that is set. It is not changed, but replaced.
type alarm struct {
	actor.PlannedAlarm
	// origin is the name that the handler knows it by, if it was taken back from the dead letters.
	origin string
	// tries is how often it has run in vain since it was due, Attempts being those that were its own fault. It runs
	// again not before retry, in milliseconds since 1970.
	tries int
	retry int64
	// number tells apart the alarms of one name that were set for the same time; it grows with the actor's commits.
	// An alarm that comes again keeps its number, as does one that is taken back from the dead letters.
	number uint64
	// fresh alarms get their number with the commit that sets them.
	fresh bool
	// birth is that of the calls that the handler makes, from the first one on; 0 before.
	birth uint64
}

// at is when the alarm is to run, in milliseconds since 1970: never 0, which is no time, nor DueAtOnce, which is that
// of messages.
func (al *alarm) at() int64 { return max(al.Due.UnixMilli(), al.retry, registry.DueAtOnce+1) }

// key names the calls that the handler makes, so that one that runs again for the same time makes the same.
func (al *alarm) key(self api.ActorID, birth uint64) api.CallKey {
	name := al.Name
	if al.origin != "" {
		name = al.origin
	}
	text := self.String() + " " + strconv.FormatInt(al.Due.UnixMilli(), 10) + " " + name
	if al.number != 0 {
		text += " " + strconv.FormatUint(al.number, 10)
	}
	sum := sha256.Sum256([]byte(text))
	if al.birth != 0 {
		birth = al.birth
	}
	return api.CallKey{Name: "$alarm/" + hex.EncodeToString(sum[:16]), Birth: birth, Time: al.Due.UnixMicro()}
}

// same reports whether the alarm is the same as one of an activation before, and has not run since.
func (al *alarm) same(as *alarm) bool {
	return al.Name == as.Name && bytes.Equal(al.encode(), as.encode())
}

// failed returns the alarm as it is after it has run in vain at a time.
func (al *alarm) failed(counts bool, now int64) *alarm {
	next := *al
	next.tries++
	if counts {
		next.Attempts++
	}
	next.retry = now + laterBackoff(next.tries).Milliseconds()
	return &next
}

// laterBackoff is the pause after so many tries in vain.
func laterBackoff(tries int) time.Duration {
	return min(laterBackoffMin<<min(tries-1, 10), laterBackoffMax)
}

// bytes is about what the alarm takes in memory.
func (al *alarm) bytes() int {
	const fixed = 200
	return fixed + len(al.Name) + len(al.Method) + len(al.Cron) + len(al.Request)
}

func (al *alarm) encode() []byte {
	b := append(make([]byte, 0, 64+len(al.Request)), alarmVersion)
	b = api.AppendArrayHeader(b, alarmFields+2)
	b = api.AppendString(b, al.Method)
	b = api.AppendInt(b, al.Due.UnixMilli())
	b = api.AppendInt(b, int64(al.Every))
	b = api.AppendString(b, al.Cron)
	b = api.AppendUint(b, uint64(al.Attempts))
	b = api.AppendUint(b, uint64(al.tries))
	b = api.AppendInt(b, al.retry)
	b = api.AppendString(b, al.origin)
	b = api.AppendBytes(b, al.Request)
	b = api.AppendUint(b, al.number)
	return api.AppendUint(b, al.birth)
}

// decodeAlarm reads an alarm back. Errors are CodeCorruptState.
func decodeAlarm(e registry.Entry) (*alarm, error) {
	corrupt := api.Errorf(api.CodeCorruptState, "an alarm can't be read: key %q", e.Key)
	t, err := tuple.Unpack(e.Key)
	if err != nil || len(t) != 2 || len(e.Value) == 0 || e.Value[0] != alarmVersion {
		return nil, corrupt
	}
	name, ok := t[1].(string)
	al := &alarm{}
	d := api.NewDecoder(e.Value[1:])
	fields := d.Array()
	al.Name, al.Method = name, d.String()
	al.Due, al.Every, al.Cron = time.UnixMilli(d.Int()).UTC(), time.Duration(d.Int()), d.String()
	al.Attempts, al.tries, al.retry, al.origin = int(d.Uint()), int(d.Uint()), d.Int(), d.String()
	al.Request = d.Bytes()
	if fields >= alarmFields+2 {
		al.number, al.birth = d.Uint(), d.Uint()
	}
	if !ok || d.Err() != nil || fields < alarmFields {
		return nil, corrupt
	}
	return al, nil
}
