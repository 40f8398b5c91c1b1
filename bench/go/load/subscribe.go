package main

import (
	"context"
	"flag"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
)

// subscribe is an app that receives.
type subscribe struct {
	endpoint
	arrivals
	listen string
}

func (s *subscribe) define(flags *flag.FlagSet) {
	s.endpoint.defineNames(flags)
	s.arrivals.define(flags)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "`host:port` at which daprd finds the app")
}

func (s *subscribe) run(ctx context.Context) (any, error) {
	if err := s.start(); err != nil {
		return nil, err
	}
	a := &app{pubsub: s.pubsub, topic: s.topic, arrived: func(event *runtime.TopicEventRequest) {
		s.arrived(event.GetId())
	}}
	failed, err := a.serve(s.listen)
	if err != nil {
		return nil, err
	}
	return s.wait(ctx, failed)
}
