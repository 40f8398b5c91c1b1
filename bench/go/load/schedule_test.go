package main

import (
	"testing"
	"time"
)

func TestScheduleTakesDownArrivals(t *testing.T) {
	s := newSchedule(100, 20*time.Millisecond, 40*time.Millisecond) // 2 and 4 messages
	s.start()
	stamp := func(n int) []byte { return s.stamp(256, n, s.due(n)) }
	if got := len(stamp(3)); got != 256 {
		t.Fatalf("payload of %d bytes", got)
	}
	s.sleepUntil(s.due(5))

	s.arrived(stamp(0))
	s.arrived(stamp(2))
	s.arrived(stamp(2)) // delivered again
	s.arrived(payloadOf(newEvents("pubsub", "orders").event(stamp(3))))
	s.failed(4)
	s.arrived(stamp(4)) // stored although its publish failed
	// Those of others are none of its business.
	s.arrived(newSchedule(100, 0, time.Second).stamp(256, 5, 0))
	s.arrived([]byte("something else"))
	s.arrived(nil)

	latencies, lost := s.measured()
	if len(latencies) != 2 || lost != 2 {
		t.Fatalf("%d measured, %d lost, want 2 and 2", len(latencies), lost)
	}
	if got := s.again.Load(); got != 1 {
		t.Errorf("%d deliveries again, want 1", got)
	}
	// Number 3 was due two hundredths of a second before 5, number 2 three.
	if latencies[0] < 20*time.Millisecond || latencies[1]-latencies[0] < 5*time.Millisecond {
		t.Errorf("not measured from when they were due: %v", latencies)
	}
}

func TestScheduleEndsWhenAllIsSettled(t *testing.T) {
	s := newSchedule(1_000, 0, 2*time.Millisecond)
	s.start()
	s.arrived(s.stamp(64, probeNumber, 0))
	<-s.probed
	s.sleepUntil(s.due(2))
	s.failed(1)
	s.arrived(s.stamp(64, 0, s.due(0)))
	select {
	case <-s.last:
	default:
		t.Error("still waiting")
	}
}

func TestStampFitsItsSize(t *testing.T) {
	s := newSchedule(1_000, 0, time.Second)
	if got := len(s.stamp(stampSize, 99_999_999, time.Hour)); got != stampSize {
		t.Errorf("got %d bytes", got)
	}
}
