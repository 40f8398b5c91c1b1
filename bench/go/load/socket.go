package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	components "github.com/dapr/dapr/pkg/proto/components/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// socketTarget stands at the component's socket in daprd's place.
type socketTarget struct {
	connection *grpc.ClientConn
	client     components.PubSubClient
	pubsub     string
	topic      string
	events     *events
	bulks      bool
}

// dialSocket does what daprd does before it uses a component.
func dialSocket(ctx context.Context, e *endpoint) (*socketTarget, error) {
	if e.address == "" {
		return nil, errors.New("-address is missing: the path of the component's socket")
	}
	// The instance is part of every call's metadata.
	instance := func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "x-component-instance", e.pubsub)
	}
	connection, err := connect("unix:"+e.address,
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, request, reply any,
			connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
			return invoke(instance(ctx), method, request, reply, connection, options...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, description *grpc.StreamDesc,
			connection *grpc.ClientConn, method string, open grpc.Streamer,
			options ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(instance(ctx), description, connection, method, options...)
		}))
	if err != nil {
		return nil, err
	}
	client := components.NewPubSubClient(connection)
	request := &components.PubSubInitRequest{
		Metadata: &components.MetadataRequest{Properties: e.init},
	}
	if _, err := client.Init(ctx, request); err != nil {
		return nil, fmt.Errorf("Init: %w", err)
	}
	features, err := client.Features(ctx, &components.FeaturesRequest{})
	if err != nil {
		return nil, fmt.Errorf("Features: %w", err)
	}
	return &socketTarget{
		connection: connection,
		client:     client,
		pubsub:     e.pubsub,
		topic:      e.topic,
		events:     newEvents(e.pubsub, e.topic),
		bulks:      slices.Contains(features.GetFeatures(), "BULK_PUBSUB"),
	}, nil
}

func (t *socketTarget) publish(ctx context.Context, payload []byte) error {
	_, err := t.client.Publish(ctx, &components.PublishRequest{
		Data:       t.events.event(payload),
		PubsubName: t.pubsub,
		Topic:      t.topic,
	})
	return err
}

func (t *socketTarget) bulk(ctx context.Context, payload []byte, entries int) (int, error) {
	if !t.bulks {
		return t.parallel(ctx, payload, entries)
	}
	request := &components.BulkPublishRequest{
		PubsubName: t.pubsub,
		Topic:      t.topic,
		Entries:    make([]*components.BulkMessageEntry, entries),
	}
	for i := range request.Entries {
		request.Entries[i] = &components.BulkMessageEntry{
			EntryId:     strconv.Itoa(i),
			Event:       t.events.event(payload),
			ContentType: contentType,
		}
	}
	response, err := t.client.BulkPublish(ctx, request)
	if err != nil {
		return entries, err
	}
	return countFailed(response.GetFailedEntries())
}

// parallel is daprd's way with a component that cannot take a bulk: a call for each entry, up to
// a hundred of them at once.
func (t *socketTarget) parallel(ctx context.Context, payload []byte, entries int) (int, error) {
	var failures failures
	var open sync.WaitGroup
	places := make(chan struct{}, 100)
	for range entries {
		places <- struct{}{}
		open.Go(func() {
			if err := t.publish(ctx, payload); err != nil {
				failures.add(1, err.Error())
			}
			<-places
		})
	}
	open.Wait()
	if f := failures.result(); f.Failed > 0 {
		return f.Failed, errors.New(f.Error)
	}
	return 0, nil
}

// pull opens a stream for a topic.
func (t *socketTarget) pull(ctx context.Context, topic string) (components.PubSub_PullMessagesClient, error) {
	stream, err := t.client.PullMessages(ctx)
	if err != nil {
		return nil, err
	}
	return stream, stream.Send(&components.PullMessagesRequest{
		Topic: &components.Topic{Name: topic},
	})
}

// close sends what is not sent yet, such as the last acks, before it closes.
func (t *socketTarget) close() { t.connection.Close() }
