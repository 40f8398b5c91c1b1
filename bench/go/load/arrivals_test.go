package main

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestArrivalsAreMeasuredBetweenTwo(t *testing.T) {
	a := arrivals{count: 4, skip: 2}
	if err := a.start(); err != nil {
		t.Fatal(err)
	}
	a.arrived("")
	a.arrived("")
	const between = 20 * time.Millisecond
	time.Sleep(between)
	for range 3 { // one more than is waited for
		a.arrived("")
	}
	result, err := a.wait(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if result.Messages != 2 || result.Total != 4 || result.Duplicates != nil {
		t.Errorf("got %+v", result)
	}
	if result.Seconds < between.Seconds() || result.Rate > 2/between.Seconds() {
		t.Errorf("the time before the measurement counts: %+v", result)
	}
}

func TestArrivalsCountEachMessageOnce(t *testing.T) {
	a := arrivals{count: 1_000, distinct: true}
	if err := a.start(); err != nil {
		t.Fatal(err)
	}
	events := newEvents("pubsub", "orders")
	for n := range a.count {
		event, id := events.eventWithID(text(256))
		if got := idOf(event); got != id {
			t.Fatalf("id %q, want %q", got, id)
		}
		a.arrived(id)
		if n%10 == 0 && n > 0 {
			a.arrived(id)
		}
	}
	result, err := a.wait(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if result.Total != a.count || *result.Duplicates != 99 {
		t.Errorf("got %+v", result)
	}
}

func TestArrivalsMissAMessageThoughAnotherCameTwice(t *testing.T) {
	a := arrivals{count: 3, distinct: true}
	if err := a.start(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, 2} {
		a.arrived(strconv.Itoa(n))
	}
	select {
	case <-a.all:
		t.Error("two of three are not all")
	default:
	}
	if got := a.progress(); !strings.HasPrefix(got, "2 of 3 messages arrived, 1 ") {
		t.Error(got)
	}
}

func TestIDOfWhatHasNone(t *testing.T) {
	for _, event := range []string{"", "text", `{"data":"x","traceid":"1"}`, `{"id":`} {
		if got := idOf([]byte(event)); got != "" {
			t.Errorf("id %q of %s", got, event)
		}
	}
}
