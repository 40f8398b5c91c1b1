package main

import (
	"context"
	"fmt"
	"net"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// app is what daprd has at its side: it subscribes to one topic and takes every message.
type app struct {
	runtime.UnimplementedAppCallbackServer
	runtime.UnimplementedAppCallbackHealthCheckServer
	pubsub  string
	topic   string
	arrived func(*runtime.TopicEventRequest)
}

// serve says so on stdout when it listens. What it returns reports a server that failed.
func (a *app) serve(address string) (<-chan error, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer()
	runtime.RegisterAppCallbackServer(server, a)
	runtime.RegisterAppCallbackHealthCheckServer(server, a)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Println("listening")
	return failed, nil
}

func (a *app) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtime.ListTopicSubscriptionsResponse, error) {
	return &runtime.ListTopicSubscriptionsResponse{
		Subscriptions: []*runtime.TopicSubscription{{PubsubName: a.pubsub, Topic: a.topic}},
	}, nil
}

func (a *app) OnTopicEvent(_ context.Context, event *runtime.TopicEventRequest) (*runtime.TopicEventResponse, error) {
	a.arrived(event)
	return &runtime.TopicEventResponse{Status: runtime.TopicEventResponse_SUCCESS}, nil
}

func (a *app) ListInputBindings(context.Context, *emptypb.Empty) (*runtime.ListInputBindingsResponse, error) {
	return &runtime.ListInputBindingsResponse{}, nil
}

func (a *app) HealthCheck(context.Context, *emptypb.Empty) (*runtime.HealthCheckResponse, error) {
	return &runtime.HealthCheckResponse{}, nil
}
