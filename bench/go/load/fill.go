package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxPending is how many messages may wait for their confirmation.
const maxPending = 4_000

// fill stores a backlog in a stream that exists, past any component.
type fill struct {
	url      string
	pubsub   string
	subject  string
	subjects int
	count    int
	size     int
	sent     atomic.Int64
	failures failures
}

func (f *fill) define(flags *flag.FlagSet) {
	flags.StringVar(&f.url, "nats", nats.DefaultURL, "`URL` of the NATS server")
	flags.StringVar(&f.pubsub, "pubsub", "pubsub", "`name` of the Component, for the CloudEvents")
	flags.StringVar(&f.subject, "subject", "orders", "`subject`, which is the topic as well")
	flags.IntVar(&f.subjects, "subjects", 1, "`number` of subjects; above 1 they are subject.0, subject.1, ... in turn")
	flags.IntVar(&f.count, "count", 10_000, "`number` of messages")
	flags.IntVar(&f.size, "size", 256, "payload `bytes` of a message")
}

type fillResult struct {
	Messages int     `json:"messages"`
	Seconds  float64 `json:"seconds"`
	Rate     float64 `json:"rate"`
}

func (f *fill) run(ctx context.Context) (any, error) {
	if f.count < 1 || f.subjects < 1 {
		return nil, errors.New("-count and -subjects must be above 0")
	}
	connection, err := nats.Connect(f.url, nats.Name("load"))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	js, err := jetstream.New(connection,
		jetstream.WithPublishAsyncMaxPending(maxPending),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) {
			f.failures.add(1, err.Error())
		}))
	if err != nil {
		return nil, err
	}

	start := time.Now()
	if err := f.store(js); err != nil {
		return nil, err
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(grace):
		return nil, fmt.Errorf("%d of %d messages not confirmed", js.PublishAsyncPending(), f.count)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.failures.result().Failed > 0 {
		return nil, fmt.Errorf("%d messages sent%s", f.count, &f.failures)
	}
	t := newThroughput(f.count, f.count, time.Since(start))
	return &fillResult{t.Messages, t.Seconds, t.Rate}, nil
}

// store gives the messages the id that the component would give them.
func (f *fill) store(js jetstream.JetStream) error {
	payload := text(f.size)
	names := numbered(f.subject, f.subjects)
	topics := make([]*events, len(names))
	for i, name := range names {
		topics[i] = newEvents(f.pubsub, name)
	}
	for n := range f.count {
		i := n % len(names)
		event, id := topics[i].eventWithID(payload)
		_, err := js.PublishAsync(names[i], event, jetstream.WithMsgID(id), jetstream.WithStallWait(grace))
		if err != nil {
			return fmt.Errorf("message %d of %d: %w", n+1, f.count, err)
		}
		f.sent.Add(1)
	}
	return nil
}

func (f *fill) progress() string {
	return fmt.Sprintf("%d of %d messages sent%s", f.sent.Load(), f.count, &f.failures)
}
