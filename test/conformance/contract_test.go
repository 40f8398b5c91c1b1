package conformance

import (
	"context"
	"fmt"
	"testing"
	"time"

	components "github.com/dapr/dapr/pkg/proto/components/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// TestContract holds the contract that the running component shows by
// reflection, which is proto/pubsub.proto, against the one daprd is built with:
// the same methods, and in their messages the same fields, numbers and types.
func TestContract(t *testing.T) {
	socket := requireEnv(t, "CONFORMANCE_SOCKET", "the path of the component's Unix socket")
	requireSocket(t, socket)

	want := components.File_dapr_proto_components_v1_pubsub_proto.Services().ByName("PubSub")
	got := reflectedService(t, socket, want.FullName())

	if got.Methods().Len() != want.Methods().Len() {
		t.Errorf("%d methods, daprd has %d", got.Methods().Len(), want.Methods().Len())
	}
	for i := range want.Methods().Len() {
		expected := want.Methods().Get(i)
		t.Run(string(expected.Name()), func(t *testing.T) {
			method := got.Methods().ByName(expected.Name())
			if method == nil {
				t.Fatal("missing")
			}
			if method.IsStreamingClient() != expected.IsStreamingClient() ||
				method.IsStreamingServer() != expected.IsStreamingServer() {
				t.Error("streams differently")
			}
			compareMessages(t, method.Input(), expected.Input())
			compareMessages(t, method.Output(), expected.Output())
		})
	}
}

func compareMessages(t *testing.T, got, want protoreflect.MessageDescriptor) {
	t.Helper()
	if got.FullName() != want.FullName() {
		t.Errorf("message %s, daprd has %s", got.FullName(), want.FullName())
	}
	if got.Fields().Len() != want.Fields().Len() {
		t.Errorf("%s: %d fields, daprd has %d", want.Name(), got.Fields().Len(), want.Fields().Len())
	}
	for i := range want.Fields().Len() {
		expected := want.Fields().Get(i)
		field := got.Fields().ByNumber(expected.Number())
		if field == nil {
			t.Errorf("%s: no field %d (%s)", want.Name(), expected.Number(), expected.Name())
			continue
		}
		if describe(field) != describe(expected) {
			t.Errorf("%s: %s, daprd has %s", want.Name(), describe(field), describe(expected))
		}
		if expected.Message() != nil && field.Message() != nil {
			compareMessages(t, field.Message(), expected.Message())
		}
	}
}

func describe(field protoreflect.FieldDescriptor) string {
	return fmt.Sprintf("%s %s %s = %d", field.Cardinality(), field.Kind(), field.Name(), field.Number())
}

// reflectedService asks the way daprd does, by the v1alpha reflection service.
func reflectedService(t *testing.T, socket string, name protoreflect.FullName) protoreflect.ServiceDescriptor {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	stream, err := reflection.NewServerReflectionClient(connection).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: string(name)},
	})
	if err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}

	set := &descriptorpb.FileDescriptorSet{}
	for _, encoded := range response.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(encoded, file); err != nil {
			t.Fatal(err)
		}
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	return findService(t, files, name)
}

func findService(t *testing.T, files *protoregistry.Files, name protoreflect.FullName) protoreflect.ServiceDescriptor {
	t.Helper()
	found, err := files.FindDescriptorByName(name)
	if err != nil {
		t.Fatal(err)
	}
	service, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		t.Fatalf("%s is not a service", name)
	}
	return service
}
