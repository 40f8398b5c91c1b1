// Package interop runs the interoperability suite of gRPC, with grpc-go as the client, against a server that is
// already running. Cases that the suite does not have, and that matter for daprd, are in own_test.go.
//
// The caller starts the server and says where it is:
//
//	INTEROP_SOCKET  absolute path of the server's Unix socket
package interop

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/grpclog"
	suite "google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// caseLimit bounds each case. The slowest takes a few seconds.
const caseLimit = 60 * time.Second

type client struct {
	testgrpc.TestServiceClient
	conn *grpc.ClientConn
	// dial opens a further connection with the same options.
	dial func() *grpc.ClientConn
}

// ofSuite adapts a function of the suite, which ends the process when it fails; see failLogger.
func ofSuite(run func(context.Context, testgrpc.TestServiceClient, ...grpc.CallOption)) func(*testing.T, context.Context, client) {
	return func(_ *testing.T, ctx context.Context, c client) { run(ctx, c) }
}

var cases = []struct {
	name string
	run  func(*testing.T, context.Context, client)
}{
	{"empty_unary", ofSuite(suite.DoEmptyUnaryCall)},
	{"large_unary", ofSuite(suite.DoLargeUnaryCall)},
	{"client_streaming", ofSuite(suite.DoClientStreaming)},
	{"server_streaming", ofSuite(suite.DoServerStreaming)},
	{"ping_pong", ofSuite(suite.DoPingPong)},
	{"empty_stream", ofSuite(suite.DoEmptyStream)},
	{"timeout_on_sleeping_server", ofSuite(suite.DoTimeoutOnSleepingServer)},
	{"cancel_after_begin", ofSuite(suite.DoCancelAfterBegin)},
	{"cancel_after_first_response", ofSuite(suite.DoCancelAfterFirstResponse)},
	{"status_code_and_message", ofSuite(suite.DoStatusCodeAndMessage)},
	{"special_status_message", ofSuite(suite.DoSpecialStatusMessage)},
	{"custom_metadata", ofSuite(suite.DoCustomMetadata)},
	{"unimplemented_method", func(_ *testing.T, ctx context.Context, c client) {
		suite.DoUnimplementedMethod(ctx, c.conn)
	}},
	{"unimplemented_service", func(_ *testing.T, ctx context.Context, c client) {
		suite.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(c.conn))
	}},
	{"pick_first_unary", func(_ *testing.T, ctx context.Context, c client) {
		suite.DoPickFirstUnary(ctx, c)
	}},
	{"rpc_soak", func(_ *testing.T, ctx context.Context, c client) {
		soak(ctx, func() (*grpc.ClientConn, func()) { return c.conn, func() {} })
	}},
	{"channel_soak", func(_ *testing.T, ctx context.Context, c client) {
		soak(ctx, func() (*grpc.ClientConn, func()) {
			conn := c.dial()
			return conn, func() { conn.Close() }
		})
	}},
	{"half_duplex", halfDuplex},
	{"large_unary_at_once", largeUnaryAtOnce},
	{"huge_unary", hugeUnary},
	{"slow_reader", slowReader},
	{"many_streams", manyStreams},
	{"metadata_over_several_frames", metadataOverSeveralFrames},
}

func soak(ctx context.Context, channel func() (*grpc.ClientConn, func())) {
	suite.DoSoakTest(ctx, suite.SoakTestConfig{
		RequestSize:                      271828,
		ResponseSize:                     314159,
		PerIterationMaxAcceptableLatency: 20 * time.Second,
		OverallTimeout:                   caseLimit,
		ServerAddr:                       "unix socket",
		NumWorkers:                       8,
		Iterations:                       160,
		ChannelForTest:                   channel,
	})
}

// failLogger makes a fatal log line of the suite fail the running test, where it would end the process.
type failLogger struct {
	grpclog.LoggerV2
	t *testing.T
}

var failures = &failLogger{LoggerV2: grpclog.NewLoggerV2(os.Stderr, os.Stderr, os.Stderr)}

func (l *failLogger) Fatal(args ...any)                 { l.fail(fmt.Sprint(args...)) }
func (l *failLogger) Fatalln(args ...any)               { l.fail(fmt.Sprintln(args...)) }
func (l *failLogger) Fatalf(format string, args ...any) { l.fail(fmt.Sprintf(format, args...)) }
func (l *failLogger) Info(...any)                       {}
func (l *failLogger) Infoln(...any)                     {}
func (l *failLogger) Infof(string, ...any)              {}

func (l *failLogger) fail(message string) {
	l.t.Error(message)
	// The suite calls its logger on the goroutine of the test.
	runtime.Goexit()
}

func TestInterop(t *testing.T) {
	socket := os.Getenv("INTEROP_SOCKET")
	if socket == "" {
		t.Fatal("set INTEROP_SOCKET to the path of the server's Unix socket")
	}
	grpclog.SetLoggerV2(failures)
	windows := map[string][]grpc.DialOption{
		// As daprd: grpc-go measures the bandwidth and enlarges its windows.
		"adaptive": nil,
		"small":    {grpc.WithStaticStreamWindowSize(65_535), grpc.WithStaticConnWindowSize(65_535)},
	}
	for name, options := range windows {
		t.Run(name, func(t *testing.T) {
			dial := func() *grpc.ClientConn {
				all := append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, options...)
				conn, err := grpc.NewClient("unix://"+socket, all...)
				if err != nil {
					panic(err)
				}
				return conn
			}
			conn := dial()
			defer conn.Close()
			for _, each := range cases {
				t.Run(each.name, func(t *testing.T) {
					failures.t = t
					ctx, cancel := context.WithTimeout(context.Background(), caseLimit)
					defer cancel()
					each.run(t, ctx, client{testgrpc.NewTestServiceClient(conn), conn, dial})
				})
			}
		})
	}
}
