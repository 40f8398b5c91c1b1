package main

import (
	"bytes"
	"hash/maphash"
)

// deliveries tells a message from one that is delivered again, by the id of its CloudEvent. It keeps
// 64 bits of each, in room made beforehand, at a third of a microsecond a message: of 30 million runs
// of a million messages, one would take two messages for the same.
type deliveries struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

func newDeliveries(count int) *deliveries {
	return &deliveries{maphash.MakeSeed(), make(map[uint64]struct{}, count)}
}

func (d *deliveries) hash(id string) uint64 { return maphash.String(d.seed, id) }

// first takes the hash of a message that is delivered, and returns whether that is the first time.
func (d *deliveries) first(hash uint64) bool {
	before := len(d.seen)
	d.seen[hash] = struct{}{}
	return len(d.seen) > before
}

// idOf returns a CloudEvent's id, or nothing where there is none. It is not for any JSON, but for
// what daprd and this command write, with data that has no quotes.
func idOf(event []byte) string {
	_, rest, _ := bytes.Cut(event, []byte(`"id":"`))
	id, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(id)
}
