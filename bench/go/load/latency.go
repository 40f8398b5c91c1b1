package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxOpen   = 1_000           // publishes at a time
	lostAfter = 5 * time.Second // when it has not arrived so long after the last publish
)

// latency publishes at a fixed rate, however slow the answers are, and measures the time from
// when a message was due to be published until it is delivered.
type latency struct {
	endpoint
	span
	listen   string
	rate     int
	schedule *schedule
	sent     atomic.Int64
	failures failures
	refused  failures // probes, which may come too early
}

func (l *latency) define(flags *flag.FlagSet) {
	l.endpoint.define(flags)
	l.span.define(flags)
	flags.IntVar(&l.rate, "rate", 500, "messages a second")
	flags.StringVar(&l.listen, "listen", "127.0.0.1:0", "`host:port` at which daprd finds the app; "+
		"once daprd runs, a line \"go HOST:PORT\" on stdin names its gRPC API")
}

type latencyResult struct {
	throughput
	failed
	Lost       int `json:"lost"`
	Duplicates int `json:"duplicates"`
	percentiles
	Max float64 `json:"max"`
}

func (l *latency) run(ctx context.Context) (any, error) {
	if l.rate < 1 || l.measured == 0 {
		return nil, errors.New("-rate and -seconds must be above 0")
	}
	if l.size < stampSize {
		return nil, fmt.Errorf("-size must be at least %d: the message's number and time stand in it", stampSize)
	}
	l.schedule = newSchedule(l.rate, time.Duration(l.warmup), time.Duration(l.measured))
	target, failed, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	defer target.close()
	if err := l.probe(ctx, target, failed); err != nil {
		return nil, err
	}
	took := l.send(ctx, target)
	if err := l.schedule.wait(ctx, failed); err != nil {
		return nil, err
	}
	return l.result(took)
}

// probe publishes until something arrives: only then is there a subscription for sure.
func (l *latency) probe(ctx context.Context, target target, failed <-chan error) error {
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for {
		if err := target.publish(ctx, l.schedule.stamp(l.size, probeNumber, 0)); err != nil {
			l.refused.add(1, err.Error())
		}
		select {
		case <-l.schedule.probed:
			return nil
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-ticks.C:
		}
	}
}

// send returns how long the measured part took, which is longer than meant when too many
// publishes were open.
func (l *latency) send(ctx context.Context, target target) time.Duration {
	s := l.schedule
	var open sync.WaitGroup
	places := make(chan struct{}, maxOpen)
	s.start()
	for n := range s.count {
		s.sleepUntil(s.due(n))
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return 0
		}
		l.sent.Add(1)
		open.Go(func() {
			if err := target.publish(ctx, s.stamp(l.size, n, s.due(n))); err != nil {
				l.failures.add(1, err.Error())
				s.failed(n)
			}
			<-places
		})
	}
	// The last one's own share of time has not passed yet.
	s.sleepUntil(s.due(s.count))
	took := s.now() - s.due(s.warmup)
	open.Wait()
	return took
}

func (l *latency) result(took time.Duration) (*latencyResult, error) {
	latencies, lost := l.schedule.measured()
	if len(latencies) == 0 {
		return nil, fmt.Errorf("no measured message arrived, %d lost%s", lost, &l.failures)
	}
	return &latencyResult{
		throughput:  newThroughput(len(latencies), l.schedule.count, took),
		failed:      l.failures.result(),
		Lost:        lost,
		Duplicates:  int(l.schedule.again.Load()),
		percentiles: newPercentiles(latencies),
		Max:         micros(latencies[len(latencies)-1]),
	}, nil
}

func (l *latency) progress() string {
	if l.sent.Load() == 0 {
		return fmt.Sprintf("no probe arrived%s", &l.refused)
	}
	return fmt.Sprintf("%d of %d messages sent%s", l.sent.Load(), l.schedule.count, &l.failures)
}
