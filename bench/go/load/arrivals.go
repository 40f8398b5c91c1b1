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
// measured itself, and that of the last one. A message that arrives again is counted apart.
type arrivals struct {
	count    int
	skip     int
	distinct bool

	mu         sync.Mutex
	deliveries *deliveries
	total      int
	duplicates int
	from       time.Time
	until      time.Time
	all        chan struct{}
}

type arrivalsResult struct {
	throughput
	Duplicates *int `json:"duplicates,omitempty"` // nil where they are not told apart
}

func (a *arrivals) define(flags *flag.FlagSet) {
	flags.IntVar(&a.count, "count", 10_000, "`number` of messages to wait for")
	flags.IntVar(&a.skip, "skip", 1, "`number` of them before the measurement; 0: it begins with the start")
	flags.BoolVar(&a.distinct, "distinct", true, "count each CloudEvent id once; false: "+
		"every delivery, for a component that makes up its messages")
}

// start must come before the first arrival.
func (a *arrivals) start() error {
	if a.skip < 0 || a.skip >= a.count {
		return errors.New("-skip must be at least 0 and less than -count")
	}
	a.all = make(chan struct{})
	if a.distinct {
		a.deliveries = newDeliveries(a.count)
	}
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

func (a *arrivals) arrived(id string) {
	var hash uint64
	if a.distinct {
		hash = a.deliveries.hash(id)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.total == a.count {
		return
	}
	if a.distinct && !a.deliveries.first(hash) {
		a.duplicates++
		return
	}
	a.total++
	switch a.total {
	case a.skip:
		a.begin()
	case a.count:
		a.until = time.Now()
		close(a.all)
	}
}

func (a *arrivals) wait(ctx context.Context, failed <-chan error) (*arrivalsResult, error) {
	select {
	case <-a.all:
		result := &arrivalsResult{throughput: newThroughput(a.count-a.skip, a.count, a.until.Sub(a.from))}
		if a.distinct {
			result.Duplicates = &a.duplicates
		}
		return result, nil
	case err := <-failed:
		return nil, fmt.Errorf("%w (%s)", err, a.progress())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *arrivals) progress() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return fmt.Sprintf("%d of %d messages arrived, %d deliveries were of the same again",
		a.total, a.count, a.duplicates)
}
