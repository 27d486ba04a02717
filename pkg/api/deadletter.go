// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strconv"
	"strings"
)

// DeadLetterRow is a row of `kelpie actors dead-letters ls`: an alarm or a send that has failed too often.
type DeadLetterRow struct {
	// Letter names it: ACTOR#NUMBER. Numbers of an actor grow.
	Letter string `msgpack:"letter" json:"letter"`
	// Actor is whose alarm or send it was.
	Actor string `msgpack:"actor" json:"actor"`
	// Kind is "alarm" or "send".
	Kind string `msgpack:"kind" json:"kind"`
	// Alarm is the name of an alarm.
	Alarm string `msgpack:"alarm" json:"alarm"`
	// Target is the actor that was to be called: of an alarm, the actor itself.
	Target string `msgpack:"target" json:"target"`
	Method string `msgpack:"method" json:"method"`
	// RequestBytes is the size of the encoded request.
	RequestBytes int `msgpack:"request_bytes" json:"request_bytes"`
	Attempts     int `msgpack:"attempts" json:"attempts"`
	// Code and Error are those of the last failure; an error of the application has its own code behind a colon.
	Code  string `msgpack:"code" json:"code"`
	Error string `msgpack:"error" json:"error"`
	// Due is when the alarm was due or the message sent, Died when it was given up, by the clocks of nodes, RFC 3339.
	Due  string `msgpack:"due" json:"due"`
	Died string `msgpack:"died" json:"died"`
}

// DeadLettersRequest is the request of MethodDeadLetters: one page, in order of actor and number.
type DeadLettersRequest struct {
	Namespace string `msgpack:"namespace"` // empty: all
	Actor     string `msgpack:"actor"`     // empty: all
	// After is the Next of the page before; empty for the first.
	After string `msgpack:"after"`
	// Limit is the greatest number of rows; 0 is 1,000, which is also the most.
	Limit int `msgpack:"limit"`
}

// DeadLettersReply answers it. Next is empty after the last page.
type DeadLettersReply struct {
	Letters []DeadLetterRow `msgpack:"letters"`
	Next    string          `msgpack:"next"`
}

// DeadLetterRequest is the request of MethodDeadLetterRetry and MethodDeadLetterRm. Both fail as CodeNotFound without
// the letter.
type DeadLetterRequest struct {
	Letter string `msgpack:"letter"`
}

// DeadLetterReply answers them.
type DeadLetterReply struct {
	Letter string `msgpack:"letter" json:"letter"`
}

// FormatLetter names a dead letter.
func FormatLetter(id ActorID, number uint64) string {
	return id.String() + "#" + strconv.FormatUint(number, 10)
}

// ParseLetter takes the name of a dead letter apart. Errors are CodeInvalidArgument.
func ParseLetter(letter string) (ActorID, uint64, error) {
	at := strings.LastIndexByte(letter, '#')
	if at < 0 {
		return ActorID{}, 0, errLetter(letter)
	}
	number, err := strconv.ParseUint(letter[at+1:], 10, 63)
	if err != nil {
		return ActorID{}, 0, errLetter(letter)
	}
	id, err := ParseActorID(letter[:at])
	return id, number, err
}

func errLetter(letter string) error {
	return Errorf(CodeInvalidArgument, "dead letter %q: must be ACTOR#NUMBER, as 'kelpie actors dead-letters ls' "+
		"prints it", letter[:min(len(letter), 300)])
}
