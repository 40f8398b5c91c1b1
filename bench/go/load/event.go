package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"sync/atomic"
	"time"
)

// text makes a payload of so many printable characters, none of which JSON escapes.
func text(size int) []byte {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = alphabet[i%len(alphabet)]
	}
	return payload
}

// events makes the CloudEvents that daprd would make of text payloads for one topic. The parts
// all have in common are made once: what is left is copying, so that the measurement is not
// about JSON. The fields stand in the order in which daprd writes them.
type events struct {
	afterData []byte // up to the id
	afterID   []byte // up to the time
	afterTime []byte
	number    atomic.Uint64
}

const beforeData = `{"data":"`

func newEvents(pubsub, topic string) *events {
	return &events{
		afterData: []byte(`","datacontenttype":"text/plain","id":"` + uniquePrefix()),
		afterID: []byte(`","pubsubname":` + quoted(pubsub) +
			`,"source":"load","specversion":"1.0","time":"`),
		afterTime: []byte(`","topic":` + quoted(topic) +
			`,"traceid":"` + trace + `","traceparent":"` + trace +
			`","tracestate":"","type":"com.dapr.event.sent"}`),
	}
}

const trace = "00-5be2a4c07d1f8e3690b4d7c2f1a85e63-93d0f26b7a41c85e-01"

// event returns a CloudEvent with an id of its own. The payload must need no JSON escapes.
func (e *events) event(payload []byte) []byte {
	size := len(beforeData) + len(payload) + len(e.afterData) + idDigits +
		len(e.afterID) + len(time.RFC3339) + len(e.afterTime)
	event := make([]byte, 0, size)
	event = append(event, beforeData...)
	event = append(event, payload...)
	event = append(event, e.afterData...)
	event = appendDigits(event, e.number.Add(1))
	event = append(event, e.afterID...)
	event = time.Now().AppendFormat(event, time.RFC3339)
	return append(event, e.afterTime...)
}

// eventWithID returns the id as well.
func (e *events) eventWithID(payload []byte) (event []byte, id string) {
	event = e.event(payload)
	end := len(beforeData) + len(payload) + len(e.afterData) + idDigits
	return event, string(event[end-idLength : end])
}

// payloadOf returns a CloudEvent's data and what follows: data stands first in those made here.
func payloadOf(event []byte) []byte {
	return event[min(len(beforeData), len(event)):]
}

// An id is a UUID, and the digits of its last group count the messages.
const (
	idLength = 36
	idDigits = 12
)

// appendDigits appends the last group of a UUID.
func appendDigits(to []byte, number uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 4 * (idDigits - 1); shift >= 0; shift -= 4 {
		to = append(to, digits[number>>shift&0xf])
	}
	return to
}

// uniquePrefix returns a random UUID up to its last group. A run's ids must differ from those of
// the runs before it, or JetStream drops the messages as duplicates.
func uniquePrefix() string {
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails
	d := hex.EncodeToString(random)
	return d[:8] + "-" + d[8:12] + "-4" + d[12:15] + "-a" + d[13:16] + "-"
}

func quoted(name string) string {
	text, _ := json.Marshal(name) // a string always has a JSON
	return string(text)
}
