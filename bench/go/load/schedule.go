package main

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A schedule says when each message of a load at a fixed rate is due, and takes down when it
// arrived. Times are distances from its epoch, so that they are of the monotonic clock.
type schedule struct {
	rate   int
	warmup int // messages before the measured ones
	count  int // messages in all
	epoch  time.Time
	begin  time.Duration
	run    []byte // tells this run's messages from those that others left in the stream

	probed  chan struct{}
	probe   sync.Once
	settled atomic.Int64 // messages that arrived or failed
	again   atomic.Int64 // deliveries of messages that had arrived
	last    chan struct{}
	// By number: when it arrived after it was due, 0 for not yet, or notSent.
	latencies []atomic.Int64
}

const notSent = -1

func newSchedule(rate int, warmup, measured time.Duration) *schedule {
	before := int(float64(rate) * warmup.Seconds())
	count := before + max(int(float64(rate)*measured.Seconds()), 1)
	return &schedule{
		rate:      rate,
		warmup:    before,
		count:     count,
		epoch:     time.Now(),
		run:       []byte(uniquePrefix()),
		probed:    make(chan struct{}),
		last:      make(chan struct{}),
		latencies: make([]atomic.Int64, count),
	}
}

func (s *schedule) now() time.Duration { return time.Since(s.epoch) }

// start makes the first message due.
func (s *schedule) start() { s.begin = s.now() }

func (s *schedule) due(number int) time.Duration {
	return s.begin + time.Duration(number)*time.Second/time.Duration(s.rate)
}

// A stamp is the run, the message's number, and when it was due: run, "/", number, "/", time,
// "/". The rest of the payload is filled up.
const (
	runLength   = idLength - idDigits
	stampSize   = 64
	probeNumber = -1
)

func (s *schedule) stamp(size, number int, due time.Duration) []byte {
	payload := make([]byte, 0, size)
	payload = append(payload, s.run...)
	payload = append(payload, '/')
	payload = strconv.AppendInt(payload, int64(number), 10)
	payload = append(payload, '/')
	payload = strconv.AppendInt(payload, int64(due), 10)
	payload = append(payload, '/')
	for len(payload) < size {
		payload = append(payload, '.')
	}
	return payload
}

// arrived takes a payload, possibly with something after it.
func (s *schedule) arrived(payload []byte) {
	now := s.now()
	rest, ok := bytes.CutPrefix(payload, s.run)
	if !ok {
		return
	}
	fields := bytes.SplitN(rest, []byte{'/'}, 4)
	if len(fields) != 4 {
		return
	}
	number, _ := strconv.Atoi(string(fields[1]))
	due, _ := strconv.ParseInt(string(fields[2]), 10, 64)
	switch {
	case number == probeNumber:
		s.probe.Do(func() { close(s.probed) })
	case number >= 0 && number < s.count:
		if !s.settle(number, int64(now)-due) && s.latencies[number].Load() != notSent {
			s.again.Add(1)
		}
	}
}

// failed settles a message whose publish was refused: it is not lost.
func (s *schedule) failed(number int) { s.settle(number, notSent) }

// settle takes the first word on a message, and returns whether this was it.
func (s *schedule) settle(number int, latency int64) bool {
	if !s.latencies[number].CompareAndSwap(0, latency) {
		return false
	}
	if s.settled.Add(1) == int64(s.count) {
		close(s.last)
	}
	return true
}

// wait returns when all is settled, or the time for it is up.
func (s *schedule) wait(ctx context.Context, ended <-chan error) error {
	select {
	case <-s.last:
	case <-time.After(lostAfter):
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// sleepUntil is more exact than time.Sleep, which in a process with open connections may be a
// millisecond late: that would be part of every latency.
func (s *schedule) sleepUntil(due time.Duration) {
	for left := due - s.now(); left > 0; left = due - s.now() {
		duration := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&duration, nil) // a signal may end it early
	}
}

// measured returns the sorted latencies after the warmup, and how many messages of the whole
// run did not arrive.
func (s *schedule) measured() (latencies []time.Duration, lost int) {
	for n := range s.latencies {
		switch latency := s.latencies[n].Load(); {
		case latency == 0:
			lost++
		case latency != notSent && n >= s.warmup:
			latencies = append(latencies, time.Duration(latency))
		}
	}
	slices.Sort(latencies)
	return latencies, lost
}
