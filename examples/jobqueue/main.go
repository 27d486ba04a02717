// Copyright 2026 The Kelpie Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"time"

	"github.com/kelpiehq/kelpie/pkg/actor"
	"github.com/kelpiehq/kelpie/pkg/host"
)

const (
	// lease is how long a worker may take for a job, before another one gets it.
	lease = 30 * time.Second
	// triesMax is how often a job is handed out before it is given up.
	triesMax = 5
	// takenMax is how many jobs of a queue are at workers at once: each has an alarm, and an actor has at most 100.
	takenMax = 100
)

// queue is the state of one queue. The jobs are in its key-value space.
type queue struct {
	Last    int64   `json:"last"`    // the number of the last job that was added
	Waiting []int64 `json:"waiting"` // the numbers of the jobs that wait, the next one first
	Taken   int     `json:"taken"`   // how many are at workers
	Done    int64   `json:"done"`
	GivenUp int64   `json:"given_up"`
}

// job is one job. A worker hands it back to finish as it came: Tries tells its turn from an earlier worker's.
type job struct {
	Number int64  `json:"number"` // from 1 on
	Work   string `json:"work"`
	Tries  int    `json:"tries"`
}

// queues is every actor queue/NAME.
var queues = actor.New[queue]("queue")

// add appends a job, and returns its number. Producers send it: add.On(c, "mail").Send(ctx, work).
var add = actor.Write(queues, "add", func(ctx *actor.Context, q *queue, work string) (int64, error) {
	q.Last++
	q.Waiting = append(q.Waiting, q.Last)
	return q.Last, ctx.Set(jobKey(q.Last), job{Number: q.Last, Work: work})
})

// take hands the next job to a worker. Number 0 says that there is none now.
var take = actor.Write(queues, "take", func(ctx *actor.Context, q *queue, _ actor.None) (job, error) {
	if len(q.Waiting) == 0 || q.Taken == takenMax {
		return job{}, nil
	}
	var j job
	if _, err := ctx.Get(jobKey(q.Waiting[0]), &j); err != nil {
		return job{}, err
	}
	j.Tries++
	q.Waiting, q.Taken = q.Waiting[1:], q.Taken+1
	if err := ctx.Set(jobKey(j.Number), j); err != nil {
		return job{}, err
	}
	return j, expire.Alarm(ctx, jobKey(j.Number), actor.Alarm{After: lease}, j)
})

// finish takes a job that is done out of the queue. It reports false to a worker that was too slow: another one has
// got the job, or the queue has given it up.
var finish = actor.Write(queues, "finish", func(ctx *actor.Context, q *queue, j job) (bool, error) {
	if mine, err := q.end(ctx, j); err != nil || !mine {
		return false, err
	}
	q.Done++
	return true, ctx.Delete(jobKey(j.Number))
})

// expire is run by the alarm of a job whose worker has not finished it. The job goes to the end of the queue.
var expire = actor.Write(queues, "expire", func(ctx *actor.Context, q *queue, j job) (actor.None, error) {
	if mine, err := q.end(ctx, j); err != nil || !mine {
		return actor.None{}, err
	}
	if j.Tries >= triesMax {
		ctx.Log().Warn("job given up", "number", j.Number, "tries", j.Tries)
		q.GivenUp++
		return actor.None{}, ctx.Delete(jobKey(j.Number))
	}
	q.Waiting = append(q.Waiting, j.Number)
	return actor.None{}, nil
})

// status shows how a queue is doing.
var status = actor.Read(queues, "status", func(_ *actor.Context, q *queue, _ actor.None) (queue, error) {
	return *q, nil
})

// end ends a worker's turn with a job, and reports whether it was its turn still.
func (q *queue) end(ctx *actor.Context, j job) (mine bool, err error) {
	var now job
	there, err := ctx.Get(jobKey(j.Number), &now)
	if err != nil || !there || now.Tries != j.Tries {
		return false, err
	}
	for _, number := range q.Waiting {
		if number == j.Number {
			return false, nil
		}
	}
	q.Taken--
	_, err = ctx.CancelAlarm(jobKey(j.Number))
	return true, err
}

func jobKey(number int64) string { return "job/" + strconv.FormatInt(number, 10) }

func main() { host.Main(queues) }
