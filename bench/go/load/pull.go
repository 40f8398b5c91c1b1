package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync/atomic"
	"time"

	components "github.com/dapr/dapr/pkg/proto/components/v1"
)

// pull receives at the component's socket.
type pull struct {
	endpoint
	arrivals
	target  *socketTarget
	topics  int
	holding seconds
	waiting atomic.Int64 // topics without a message so far
}

func (p *pull) define(flags *flag.FlagSet) {
	p.endpoint.defineSocket(flags)
	p.arrivals.define(flags)
	flags.IntVar(&p.topics, "topics", 1, "`number` of topics; above 1 they are topic.0, topic.1, ...")
	flags.Var(&p.holding, "hold", "`seconds` for which the streams stay open after the result; "+
		"a signal ends it earlier")
}

func (p *pull) run(ctx context.Context) (any, error) {
	if p.topics < 1 {
		return nil, errors.New("-topics must be above 0")
	}
	if err := p.start(); err != nil {
		return nil, err
	}
	var err error
	if p.target, err = dialSocket(ctx, &p.endpoint); err != nil {
		return nil, err
	}
	// Not ctx: the limit is on the result, not on the holding after it.
	failed, ready := make(chan error, p.topics), make(chan struct{})
	p.waiting.Store(int64(p.topics))
	for _, topic := range numbered(p.topic, p.topics) {
		stream, err := p.target.pull(context.Background(), topic)
		if err != nil {
			return nil, fmt.Errorf("PullMessages of %s: %w", topic, err)
		}
		first := true
		go func() {
			err := receive(stream, func(event []byte) {
				if first {
					first = false
					if p.waiting.Add(-1) == 0 {
						close(ready)
					}
				}
				p.arrived(idOf(event))
			})
			failed <- fmt.Errorf("stream of %s: %w", topic, err)
		}()
	}
	select {
	case <-ready:
		fmt.Println("ready")
	case <-p.all:
	case err := <-failed:
		return nil, err
	case <-ctx.Done():
	}
	return p.wait(ctx, failed)
}

func (p *pull) progress() string {
	text := p.arrivals.progress()
	if waiting := p.waiting.Load(); waiting > 0 {
		text += fmt.Sprintf(", none yet on %d of %d topics", waiting, p.topics)
	}
	return text
}

// hold gives the component a moment for the last acks even where no time is asked for: with the
// connection gone, it would deliver those messages again.
func (p *pull) hold(ctx context.Context) {
	select {
	case <-time.After(max(time.Duration(p.holding), 100*time.Millisecond)):
	case <-ctx.Done():
	}
	p.target.close()
}

// receive acks each message at once. It returns only with an error.
func receive(stream components.PubSub_PullMessagesClient, arrived func(event []byte)) error {
	for {
		message, err := stream.Recv()
		if err != nil {
			return err
		}
		arrived(message.GetData())
		ack := &components.PullMessagesRequest{AckMessageId: message.GetId()}
		if err := stream.Send(ack); err != nil {
			return err
		}
	}
}

// numbered returns the topics a name stands for.
func numbered(name string, count int) []string {
	if count == 1 {
		return []string{name}
	}
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("%s.%d", name, i)
	}
	return names
}
