// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package api

import "math"

// How an actor moves, between its two nodes: the source asks the target to prepare, sends it what the actor has in
// memory, piece by piece, hands the claim over in the store, and tells the target to complete. What operators ask for
// is in bulk.go.

// MoveID names one move. It is random, and never used twice. Its bytes are the requests of MethodMoveComplete (the
// claim has been handed over, the actor is to be activated) and MethodMoveCancel (the actor stays where it is), whose
// replies are empty.
type MoveID [16]byte

// MovePrepareRequest is the request of MethodMovePrepare: whether the node would take an actor.
type MovePrepareRequest struct {
	Move  []byte `msgpack:"move"` // a MoveID
	Actor string `msgpack:"actor"`
	// From is the node that the actor is on.
	From string `msgpack:"from"`
}

// MovePrepareReply agrees, in the name of the incarnation (hex) that the claim is to be handed over to. A refusal is
// an error: CodeNoCapacity, CodeUnknownNamespace or CodeFailedPrecondition.
type MovePrepareReply struct {
	Incarnation string `msgpack:"incarnation"`
}

// MovePieceRequest is the request of MethodMovePiece: some of what is moved. The reply is empty. Pieces arrive in any
// order; the node answers that which completes them when their sum is right.
type MovePieceRequest struct {
	Move MoveID
	// Offset is where Data belongs, of Total bytes in all, whose CRC-32C is Sum.
	Offset, Total int
	Sum           uint32
	// Data is valid as long as the request that it was decoded from.
	Data []byte
}

// AppendTo appends the request's encoding to b.
func (r *MovePieceRequest) AppendTo(b []byte) []byte {
	b = AppendArrayHeader(b, movePieceFields+LaterFields)
	b = AppendBytes(b, r.Move[:])
	b = AppendUint(b, uint64(r.Offset))
	b = AppendUint(b, uint64(r.Total))
	b = AppendUint(b, uint64(r.Sum))
	b = AppendBytes(b, r.Data)
	return AppendLater(b)
}

const movePieceFields = 5

// DecodeMovePieceRequest decodes what AppendTo has encoded. Errors are CodeInvalidArgument.
func DecodeMovePieceRequest(b []byte) (r MovePieceRequest, err error) {
	d := NewDecoder(b)
	fields := d.Array()
	move, offset, total, sum := d.Bytes(), d.Uint(), d.Uint(), d.Uint()
	r.Data = d.Bytes()
	if d.Err() != nil || fields < movePieceFields || len(move) != len(r.Move) || total > MoveBytesMax ||
		offset > total || len(r.Data) == 0 && total > 0 || sum > math.MaxUint32 {
		return r, Errorf(CodeInvalidArgument, "malformed piece of a move")
	}
	r.Move, r.Offset, r.Total, r.Sum = MoveID(move), int(offset), int(total), uint32(sum)
	return r, nil
}

// MoveBytesMax is the most that is sent along with an actor. One that has more in memory leaves it behind.
const MoveBytesMax = 64 << 20

// MigrateRequest is the request of MethodMigrate: move an actor. Any node takes it, and passes it on to the one that
// has the actor.
type MigrateRequest struct {
	Actor string `msgpack:"actor"`
	// To is the node that it is to go to; "" is one that placement chooses.
	To string `msgpack:"to"`
	// Force moves an actor that has only just been moved.
	Force bool `msgpack:"force"`
	// Why names who asks, for others that want to move it too.
	Why string `msgpack:"why" limit:"256"`
	// Hops is how often the request has been passed on.
	Hops int `msgpack:"hops"`
}

// MigrateReply answers it. Moved is false if the actor was there already.
type MigrateReply struct {
	Actor string `msgpack:"actor" json:"actor"`
	From  string `msgpack:"from" json:"from"`
	To    string `msgpack:"to" json:"to"`
	Moved bool   `msgpack:"moved" json:"moved"`
	Token uint64 `msgpack:"token" json:"token"`
	// PauseMicros is how long the actor took no calls.
	PauseMicros int64 `msgpack:"pause_us" json:"pause_us"`
}
