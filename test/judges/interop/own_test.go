package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
)

func payload(size int) *testpb.Payload {
	return &testpb.Payload{Body: make([]byte, size)}
}

func sizes(all ...int32) []*testpb.ResponseParameters {
	parameters := make([]*testpb.ResponseParameters, len(all))
	for index, size := range all {
		parameters[index] = &testpb.ResponseParameters{Size: size}
	}
	return parameters
}

// unary makes one call with payloads of these sizes both ways.
func unary(ctx context.Context, c client, request, response int) error {
	reply, err := c.UnaryCall(ctx, &testpb.SimpleRequest{
		Payload:      payload(request),
		ResponseSize: int32(response),
	}, grpc.MaxCallRecvMsgSize(response+1024))
	if err != nil {
		return err
	}
	if size := len(reply.GetPayload().GetBody()); size != response {
		return fmt.Errorf("the response has %d bytes, want %d", size, response)
	}
	return nil
}

// atOnce runs a function so many times at the same time.
func atOnce(t *testing.T, count int, run func() error) {
	t.Helper()
	var group sync.WaitGroup
	failed := make([]error, count)
	for index := range count {
		group.Go(func() { failed[index] = run() })
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
}

// halfDuplex gets the responses to three requests after it has closed its side.
func halfDuplex(t *testing.T, ctx context.Context, c client) {
	stream, err := c.HalfDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []int{1, 70_000, 0, 30_000}
	for _, parameters := range [][]*testpb.ResponseParameters{sizes(1), sizes(70_000, 0), sizes(30_000)} {
		request := &testpb.StreamingOutputCallRequest{ResponseParameters: parameters, Payload: payload(40_000)}
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	got := receiveAll(t, stream)
	if !slices.Equal(got, want) {
		t.Fatalf("responses of %d bytes, want %d", got, want)
	}
}

func receiveAll(t *testing.T, stream interface {
	Recv() (*testpb.StreamingOutputCallResponse, error)
}) []int {
	t.Helper()
	var got []int
	for {
		response, err := stream.Recv()
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, len(response.GetPayload().GetBody()))
	}
}

// largeUnaryAtOnce has more bytes on their way than all windows of the connection.
func largeUnaryAtOnce(t *testing.T, ctx context.Context, c client) {
	atOnce(t, 100, func() error { return unary(ctx, c, 271_828, 314_159) })
}

// hugeUnary is larger than the default limit of grpc-go, which daprd raises.
func hugeUnary(t *testing.T, ctx context.Context, c client) {
	if err := unary(ctx, c, 16<<20, 16<<20); err != nil {
		t.Fatal(err)
	}
}

// slowReader lets responses wait for its window, while other calls go on.
func slowReader(t *testing.T, ctx context.Context, c client) {
	all := slices.Repeat([]int32{50_000}, 200)
	stream, err := c.StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{ResponseParameters: sizes(all...)})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := unary(ctx, c, 1_000, 1_000); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := receiveAll(t, stream); len(got) != len(all) {
		t.Fatalf("%d responses, want %d", len(got), len(all))
	}
}

// manyStreams keeps a thousand streams open, each of which goes back and forth.
func manyStreams(t *testing.T, ctx context.Context, c client) {
	atOnce(t, 1_000, func() error {
		stream, err := c.FullDuplexCall(ctx)
		if err != nil {
			return err
		}
		for round := range 3 {
			request := &testpb.StreamingOutputCallRequest{ResponseParameters: sizes(int32(100 + round))}
			if err := stream.Send(request); err != nil {
				return err
			}
			response, err := stream.Recv()
			if err != nil {
				return err
			}
			if size := len(response.GetPayload().GetBody()); size != 100+round {
				return fmt.Errorf("the response has %d bytes, want %d", size, 100+round)
			}
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		if _, err := stream.Recv(); err != io.EOF {
			return fmt.Errorf("the stream ended with %w, want EOF", err)
		}
		return nil
	})
}

// metadataOverSeveralFrames has header blocks, both ways, that need CONTINUATION frames.
func metadataOverSeveralFrames(t *testing.T, ctx context.Context, c client) {
	initial := strings.Repeat("a value of some length;", 1_500)
	trailing := strings.Repeat("\x00\xff\x10", 5_000)
	ctx = metadata.AppendToOutgoingContext(ctx, "x-grpc-test-echo-initial", initial, "x-grpc-test-echo-trailing-bin", trailing)
	var header, trailer metadata.MD
	_, err := c.UnaryCall(ctx, &testpb.SimpleRequest{}, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(header.Get("x-grpc-test-echo-initial"), ","); got != initial {
		t.Errorf("the header has %d bytes, want %d", len(got), len(initial))
	}
	if got := strings.Join(trailer.Get("x-grpc-test-echo-trailing-bin"), ""); got != trailing {
		t.Errorf("the trailer has %d bytes, want %d", len(got), len(trailing))
	}
}
