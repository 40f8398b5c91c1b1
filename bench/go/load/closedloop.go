package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// grace is how long calls may go on that are open when the load ends.
const grace = 10 * time.Second

// pause keeps a caller from calling without end where every call fails at once.
const pause = 10 * time.Millisecond

// closedLoop has callers that each make one call after the other.
type closedLoop struct {
	span
	callers  int
	total    atomic.Int64
	failures failures
}

type publishResult struct {
	throughput
	failed
	percentiles
}

// A call publishes one or more messages. The reason is that of one which failed.
type call func(context.Context) (ok, failed int, reason error)

// run counts what was answered while the measurement lasted. What is still open at its end is
// waited for, so that total is all that was stored.
func (l *closedLoop) run(ctx context.Context, call call) (*publishResult, error) {
	if l.callers < 1 || l.measured == 0 {
		return nil, errors.New("-callers and -seconds must be above 0")
	}
	start := time.Now()
	from := start.Add(time.Duration(l.warmup))
	until := from.Add(time.Duration(l.measured))
	ctx, cancel := context.WithDeadline(ctx, until.Add(grace))
	defer cancel()

	measured := make([]int, l.callers)
	latencies := make([][]time.Duration, l.callers)
	var callers sync.WaitGroup
	for i := range l.callers {
		callers.Go(func() {
			// Room enough that it is not grown while it counts.
			perCaller := 50_000 * time.Duration(l.measured).Seconds() / float64(l.callers)
			mine := make([]time.Duration, 0, int(perCaller)+1)
			messages := 0
			for time.Now().Before(until) {
				began := time.Now()
				ok, failed, reason := call(ctx)
				ended := time.Now()
				if failed > 0 {
					l.failures.add(failed, reason.Error())
					time.Sleep(pause)
				}
				l.total.Add(int64(ok))
				if ok > 0 && ended.After(from) && !ended.After(until) {
					messages += ok
					mine = append(mine, ended.Sub(began))
				}
			}
			measured[i], latencies[i] = messages, mine
		})
	}
	callers.Wait()

	messages := 0
	for _, count := range measured {
		messages += count
	}
	if messages == 0 {
		return nil, fmt.Errorf("nothing was published while measured%s", &l.failures)
	}
	return &publishResult{
		newThroughput(messages, int(l.total.Load()), until.Sub(from)),
		l.failures.result(),
		newPercentiles(sortedOf(latencies)),
	}, nil
}

func (l *closedLoop) progress() string {
	return fmt.Sprintf("%d published%s", l.total.Load(), &l.failures)
}
