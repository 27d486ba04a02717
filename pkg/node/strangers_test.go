// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"testing"
	"time"

	"github.com/kelpiehq/kelpie/pkg/api"
	"github.com/kelpiehq/kelpie/pkg/env"
	"github.com/kelpiehq/kelpie/pkg/node"
	"github.com/kelpiehq/kelpie/pkg/rpc"
)

// A load is learnt of members alone: nothing is kept of other names.
func TestLoadsOfStrangersAreForgotten(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(2)
		c.sleep(5 * time.Second)
		for i := range 1000 {
			if _, err := admin[api.Ping, api.Pong](c, "n1", api.MethodPing,
				&api.Ping{Node: fmt.Sprintf("stranger-%d", i), Load: api.Load{Activations: 1}}); err != nil {
				c.Fatal(err)
			}
		}
		if n := node.LoadsKnown(c.nodes["n1"].Node); n > 2 {
			c.Errorf("node n1 knows loads of %d nodes, and there are 2", n)
		}
	})
}

// prepare asks n2 to expect an actor.
func (c *cluster) prepare(from string, move uint64) (api.MoveID, error) {
	var id api.MoveID
	binary.BigEndian.PutUint64(id[:], move)
	_, err := admin[api.MovePrepareRequest, api.MovePrepareReply](c, "n2", api.MethodMovePrepare,
		&api.MovePrepareRequest{Move: id[:], Actor: fmt.Sprintf("counter/m%d", move), From: from})
	return id, err
}

func (c *cluster) piece(p api.MovePieceRequest) error {
	pool := c.pool()
	defer pool.Close()
	ctx, cancel := env.WithTimeout(c.env, c.ctx, time.Minute)
	defer cancel()
	_, err := pool.Call(ctx, "n2:7600", rpc.ClassBulk, api.MethodMovePiece, p.AppendTo(nil))
	return err
}

// A piece takes the memory of what has come, not of what it says will.
func TestPiecesReserveNoMemory(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(2)
		if _, err := c.prepare("stranger", 1); api.CodeOf(err) != api.CodeNoCapacity {
			c.Errorf("an actor of a node that is no member: %v", err)
		}
		for i := range uint64(100) {
			move, err := c.prepare("n1", i)
			if err != nil {
				c.Fatal(err)
			}
			p := api.MovePieceRequest{Move: move, Total: api.MoveBytesMax, Data: []byte{1}}
			if err := c.piece(p); err != nil {
				c.Fatalf("piece %d: %v", i, err)
			}
			if err := c.piece(p); api.CodeOf(err) != api.CodeInvalidArgument {
				c.Errorf("the same piece again: %v", err)
			}
		}
		if n := node.ArrivalBytes(c.nodes["n2"].Node); n > 100_000 {
			c.Errorf("100 pieces of a byte take %d bytes", n)
		}
	})
}

// Pieces may come in any order; those that leave a gap are no parcel.
func TestPiecesThatOverlap(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(2)
		move, err := c.prepare("n1", 1)
		if err != nil {
			c.Fatal(err)
		}
		all := []byte("abcd")
		sum := crc32.Checksum(all, crc32.MakeTable(crc32.Castagnoli))
		p := api.MovePieceRequest{Move: move, Total: len(all), Sum: sum}
		p.Offset, p.Data = 1, all[1:3]
		if err := c.piece(p); err != nil {
			c.Fatal(err)
		}
		p.Offset, p.Data = 2, all[2:]
		if err := c.piece(p); api.CodeOf(err) != api.CodeInvalidArgument {
			c.Errorf("pieces that overlap: %v", err)
		}
	})
}

func TestMovesExpectedAreBounded(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(2)
		for i := range uint64(5000) {
			if _, err := c.prepare("n1", i); err != nil {
				c.wantCode(err, api.CodeNoCapacity, "are being moved to it already")
				return
			}
		}
		c.Error("5,000 moves are expected")
	})
}

func TestJobsWithoutSenseAreRefused(t *testing.T) {
	simulate(t, 1, func(c *cluster) {
		c.startAll(2)
		for what, req := range map[string]api.BulkRequest{
			"negative limit":   {Limit: -1},
			"negative rate":    {Rate: -1},
			"no number a rate": {Rate: math.NaN()},
			"rate of ages":     {Rate: 1e-300},
			"negative timeout": {TimeoutMillis: -1},
			"timeout of ages":  {TimeoutMillis: math.MaxInt64},
			"two shares":       {Shares: []api.BulkShare{{To: "n2", Amount: 1}, {To: "n2", Amount: 1}}},
			"too many shares":  {Shares: make([]api.BulkShare, 10_001)},
		} {
			req.Node, req.Kind = "n1", api.BulkRebalance
			if _, err := admin[api.BulkRequest, api.BulkStatus](c, "n1", api.MethodBulk, &req); api.CodeOf(err) !=
				api.CodeInvalidArgument {
				c.Errorf("%s: %v", what, err)
			}
		}
	})
}
