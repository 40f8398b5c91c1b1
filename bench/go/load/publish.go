package main

import (
	"context"
	"errors"
	"flag"
)

// publish has every message published by a call of its own.
type publish struct {
	endpoint
	closedLoop
}

func (p *publish) define(flags *flag.FlagSet) {
	p.endpoint.define(flags)
	p.span.define(flags)
	flags.IntVar(&p.callers, "callers", 1, "`number` of callers")
}

func (p *publish) run(ctx context.Context) (any, error) {
	target, err := dial(ctx, &p.endpoint)
	if err != nil {
		return nil, err
	}
	defer target.close()
	payload := text(p.size)
	return p.closedLoop.run(ctx, func(ctx context.Context) (int, int, error) {
		if err := target.publish(ctx, payload); err != nil {
			return 0, 1, err
		}
		return 1, 0, nil
	})
}

// bulk publishes many messages a call. The latencies are those of the calls.
type bulk struct {
	endpoint
	closedLoop
	entries int
}

func (b *bulk) define(flags *flag.FlagSet) {
	b.endpoint.define(flags)
	b.span.define(flags)
	flags.IntVar(&b.callers, "callers", 4, "`number` of callers")
	flags.IntVar(&b.entries, "entries", 100, "`number` of messages a call")
}

func (b *bulk) run(ctx context.Context) (any, error) {
	if b.entries < 1 {
		return nil, errors.New("-entries must be above 0")
	}
	target, err := dial(ctx, &b.endpoint)
	if err != nil {
		return nil, err
	}
	defer target.close()
	payload := text(b.size)
	return b.closedLoop.run(ctx, func(ctx context.Context) (int, int, error) {
		failed, reason := target.bulk(ctx, payload, b.entries)
		return b.entries - failed, failed, reason
	})
}
