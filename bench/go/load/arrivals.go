package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"time"
)

// arrivals measures the time between two arrivals: that of message number skip, which is not
// measured itself, and that of the last one.
type arrivals struct {
	count int
	skip  int

	mu    sync.Mutex
	total int
	from  time.Time
	until time.Time
	all   chan struct{}
}

func (a *arrivals) define(flags *flag.FlagSet) {
	flags.IntVar(&a.count, "count", 10_000, "`number` of messages to wait for")
	flags.IntVar(&a.skip, "skip", 1, "`number` of them before the measurement; 0: it begins with the start")
}

// start must come before the first arrival.
func (a *arrivals) start() error {
	if a.skip < 0 || a.skip >= a.count {
		return errors.New("-skip must be at least 0 and less than -count")
	}
	a.all = make(chan struct{})
	if a.skip == 0 {
		a.begin()
	}
	return nil
}

// begin says so on stdout, for whoever measures something else over the same time.
func (a *arrivals) begin() {
	fmt.Println("measuring")
	a.from = time.Now()
}

func (a *arrivals) arrived() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total++
	switch a.total {
	case a.skip:
		a.begin()
	case a.count:
		a.until = time.Now()
		close(a.all)
	}
}

func (a *arrivals) wait(ctx context.Context, failed <-chan error) (*throughput, error) {
	select {
	case <-a.all:
		result := newThroughput(a.count-a.skip, a.count, a.until.Sub(a.from))
		return &result, nil
	case err := <-failed:
		return nil, fmt.Errorf("%w (%s)", err, a.progress())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *arrivals) progress() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return fmt.Sprintf("%d of %d messages arrived", a.total, a.count)
}
