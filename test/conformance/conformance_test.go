// Package conformance runs Dapr's own pub/sub conformance suite against a
// component that is already running: the suite talks through the same client
// daprd uses for a pluggable component, so what passes here is what daprd sees.
//
// The caller starts NATS and the component, and says where they are:
//
//	CONFORMANCE_SOCKET    absolute path of the component's Unix socket
//	CONFORMANCE_NATS_URL  NATS server the component is to connect to
//
// The component creates no streams, so before the run there must be one that
// covers the topics below; the subject filter "conformance.>" matches them all.
// A run takes about half a minute and needs no cleaning up: the suite marks its
// messages with an id of the run and ignores any other.
package conformance

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	contribpubsub "github.com/dapr/components-contrib/pubsub"
	suite "github.com/dapr/components-contrib/tests/conformance/pubsub"
	daprpubsub "github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/kit/logger"
)

const (
	componentName = "conformance"

	// The dots are deliberate: a topic is a NATS subject, and a subject with
	// several tokens cannot be used as it stands for a consumer's name.
	testTopic   = "conformance.single"
	multiTopic1 = "conformance.multi.one"
	multiTopic2 = "conformance.multi.two"
)

// grpcComponent is what Dapr's pluggable component client offers. Bulk publish
// has to be named beside PubSub because the suite looks for it by type.
type grpcComponent interface {
	contribpubsub.PubSub
	contribpubsub.BulkPublisher
}

// component is the client with two gaps between it and the suite closed.
type component struct {
	grpcComponent
}

// Init gives the component the name the client sends with every call. daprd
// takes it from the component's manifest, while the suite leaves it empty.
func (c component) Init(ctx context.Context, metadata contribpubsub.Metadata) error {
	metadata.Name = componentName
	return c.grpcComponent.Init(ctx, metadata)
}

// BulkPublish makes a refused entry an error. The client only lists such
// entries, and the suite stops waiting for them, so it would pass with all refused.
func (c component) BulkPublish(ctx context.Context, request *contribpubsub.BulkPublishRequest) (contribpubsub.BulkPublishResponse, error) {
	response, err := c.grpcComponent.BulkPublish(ctx, request)
	if err == nil && len(response.FailedEntries) > 0 {
		err = response.FailedEntries[0].Error
	}
	return response, err
}

func TestPubSubConformance(t *testing.T) {
	socket := requireEnv(t, "CONFORMANCE_SOCKET", "the path of the component's Unix socket")
	natsURL := requireEnv(t, "CONFORMANCE_NATS_URL", "the URL of the NATS server the component is to use")

	// Checked up front, because the suite goes on after a failed Init and then
	// waits a minute or more for messages that cannot come.
	requireSocket(t, socket)

	// Publishing, subscribing and multiple handlers are always tested; what is
	// optional is bulk publishing. Bulk subscribing is not part of the pluggable
	// protocol: daprd gathers the batches itself.
	operations := []string{"publish", "subscribe", "multiplehandlers", "bulkpublish"}

	config, err := suite.NewTestConfig(componentName, operations, map[string]any{
		"pubsubName":          componentName,
		"testTopicName":       testTopic,
		"testMultiTopic1Name": multiTopic1,
		"testMultiTopic2Name": multiTopic2,
	})
	if err != nil {
		t.Fatal(err)
	}

	// The start position is left at its default, the first message of the stream:
	// the suite publishes right after subscribing, when the consumer may not exist yet.
	properties := map[string]string{
		"natsURL": natsURL,
		// daprd fills this in with the app's id when the manifest does not set it.
		"consumerID": "conformance-app",
	}

	client := daprpubsub.NewGRPCPubSub(logger.NewLogger(componentName), socket)
	suite.ConformanceTests(t, properties, component{client}, config)
}

func requireEnv(t *testing.T, name, meaning string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("set %s to %s", name, meaning)
	}
	return value
}

func requireSocket(t *testing.T, path string) {
	t.Helper()
	if !filepath.IsAbs(path) {
		t.Fatalf("CONFORMANCE_SOCKET must be an absolute path, got %q", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatalf("CONFORMANCE_SOCKET: %v", err)
	}
	if info.Mode()&os.ModeSocket == 0 {
		t.Fatalf("CONFORMANCE_SOCKET: %s is not a socket", path)
	}
}
