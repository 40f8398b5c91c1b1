package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"testing"
	"time"
)

func TestEventIsWhatDaprdMakes(t *testing.T) {
	payload := text(256)
	event, id := newEvents("my \"pubsub\"", "orders").eventWithID(payload)
	var got map[string]string
	if err := json.Unmarshal(event, &got); err != nil {
		t.Fatalf("%v: %s", err, event)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(got["id"]) {
		t.Errorf("id %q is no UUID", got["id"])
	}
	if got["id"] != id {
		t.Errorf("id %q, told %q", got["id"], id)
	}
	if _, err := time.Parse(time.RFC3339, got["time"]); err != nil {
		t.Error(err)
	}
	delete(got, "id")
	delete(got, "time")
	want := map[string]string{
		"data":            string(payload),
		"datacontenttype": "text/plain",
		"pubsubname":      "my \"pubsub\"",
		"source":          "load",
		"specversion":     "1.0",
		"topic":           "orders",
		"traceid":         trace,
		"traceparent":     trace,
		"tracestate":      "",
		"type":            "com.dapr.event.sent",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestEveryEventHasAnIDOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for range 2 { // two runs
		events := newEvents("pubsub", "orders")
		for range 1_000 {
			_, id := events.eventWithID(text(10))
			seen[id] = true
		}
	}
	if len(seen) != 2_000 {
		t.Errorf("%d different ids of 2000", len(seen))
	}
}

func TestTextHasItsSize(t *testing.T) {
	for _, size := range []int{0, 1, 256, 10_000} {
		if got := len(text(size)); got != size {
			t.Errorf("got %d, want %d", got, size)
		}
	}
}
