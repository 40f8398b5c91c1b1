package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// A target takes messages for one topic, over one connection.
type target interface {
	publish(ctx context.Context, payload []byte) error
	// bulk publishes so many messages in one call. Of those that failed it returns the number
	// and one reason.
	bulk(ctx context.Context, payload []byte, entries int) (failed int, reason error)
	close()
}

func dial(ctx context.Context, e *endpoint) (target, error) {
	switch e.api {
	case "daprd":
		return dialDaprd(e)
	case "socket":
		return dialSocket(ctx, e)
	}
	return nil, errAPI(e.api)
}

func errAPI(api string) error { return fmt.Errorf("-api %q: must be daprd or socket", api) }

// daprdTarget publishes as an app does, at daprd's gRPC API.
type daprdTarget struct {
	connection *grpc.ClientConn
	client     runtime.DaprClient
	pubsub     string
	topic      string
}

const contentType = "text/plain"

func dialDaprd(e *endpoint) (*daprdTarget, error) {
	if e.address == "" {
		return nil, errors.New("-address is missing: daprd's gRPC API, host:port")
	}
	connection, err := connect(e.address)
	if err != nil {
		return nil, err
	}
	return &daprdTarget{connection, runtime.NewDaprClient(connection), e.pubsub, e.topic}, nil
}

func (t *daprdTarget) publish(ctx context.Context, payload []byte) error {
	_, err := t.client.PublishEvent(ctx, &runtime.PublishEventRequest{
		PubsubName:      t.pubsub,
		Topic:           t.topic,
		Data:            payload,
		DataContentType: contentType,
	})
	return err
}

// bulk calls the alpha name of the method: every daprd that has the stable one has it as well.
func (t *daprdTarget) bulk(ctx context.Context, payload []byte, entries int) (int, error) {
	request := &runtime.BulkPublishRequest{
		PubsubName: t.pubsub,
		Topic:      t.topic,
		Entries:    make([]*runtime.BulkPublishRequestEntry, entries),
	}
	for i := range request.Entries {
		request.Entries[i] = &runtime.BulkPublishRequestEntry{
			EntryId:     strconv.Itoa(i),
			Event:       payload,
			ContentType: contentType,
		}
	}
	response, err := t.client.BulkPublishEventAlpha1(ctx, request)
	if err != nil {
		return entries, err
	}
	return countFailed(response.GetFailedEntries())
}

// countFailed tells how many entries of a bulk failed, and why the first one did.
func countFailed[Entry interface{ GetError() string }](failed []Entry) (int, error) {
	if len(failed) == 0 {
		return 0, nil
	}
	return len(failed), errors.New(failed[0].GetError())
}

func (t *daprdTarget) close() { t.connection.Close() }

func connect(address string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	return grpc.NewClient(address, options...)
}
