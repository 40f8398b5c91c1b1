package main

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// throughput is part of every result.
type throughput struct {
	Messages int     `json:"messages"` // measured
	Total    int     `json:"total"`    // with those before the measurement
	Seconds  float64 `json:"seconds"`  // the measured span
	Rate     float64 `json:"rate"`
}

func newThroughput(messages, total int, span time.Duration) throughput {
	return throughput{messages, total, span.Seconds(), float64(messages) / span.Seconds()}
}

// percentiles of latencies, in microseconds.
type percentiles struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
}

// newPercentiles takes sorted latencies.
func newPercentiles(sorted []time.Duration) percentiles {
	return percentiles{
		P50:  micros(percentile(sorted, 0.5)),
		P90:  micros(percentile(sorted, 0.9)),
		P99:  micros(percentile(sorted, 0.99)),
		P999: micros(percentile(sorted, 0.999)),
	}
}

// percentile returns the smallest value which at least that part of all does not exceed. It is
// one that was measured: nothing is interpolated.
func percentile(sorted []time.Duration, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	// 0.999 * 1000 is a little more than 999 in floating point: not a rank more for that.
	rank := int(math.Ceil(part*float64(len(sorted)) - 1e-9))
	return sorted[max(rank, 1)-1]
}

func micros(latency time.Duration) float64 {
	return math.Round(float64(latency)/100) / 10
}

func sortedOf(latencies [][]time.Duration) []time.Duration {
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return all
}

// failures counts what failed. Its text is the first one: those after it mostly say the same.
type failures struct {
	mu    sync.Mutex
	count int
	first string
}

// failed is part of a result.
type failed struct {
	Failed int    `json:"failed"`
	Error  string `json:"error"`
}

func (f *failures) add(count int, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == 0 {
		f.first = text
	}
	f.count += count
}

// String is for the end of a message; it is empty when nothing failed.
func (f *failures) String() string {
	if r := f.result(); r.Failed > 0 {
		return fmt.Sprintf(", %d failed: %s", r.Failed, r.Error)
	}
	return ""
}

func (f *failures) result() failed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return failed{f.count, f.first}
}
