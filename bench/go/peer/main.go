// Command peer serves Dapr's built-in pubsub.jetstream as a pluggable component, so that the
// same load can be put on it at the same kind of socket.
//
// The wrapping is done by Dapr's own SDK for pluggable components in Go. It is from 2023; the
// components-contrib and grpc of today's daprd compile with it unchanged.
package main

import (
	"os"

	sdk "github.com/dapr-sandbox/components-go-sdk"
	"github.com/dapr-sandbox/components-go-sdk/pubsub/v1"
	"github.com/dapr/components-contrib/pubsub/jetstream"
	"github.com/dapr/kit/logger"
)

// name is the socket's, and makes the Component type pubsub.go-jetstream.
const name = "go-jetstream"

// daprd and the SDK spell the variable of the sockets' folder differently.
const (
	daprdFolder = "DAPR_COMPONENTS_SOCKETS_FOLDER"
	sdkFolder   = "DAPR_COMPONENT_SOCKETS_FOLDER"
)

func main() {
	log := logger.NewLogger(name)
	if folder, ok := os.LookupEnv(daprdFolder); ok {
		if err := os.Setenv(sdkFolder, folder); err != nil {
			log.Fatal(err)
		}
	}
	// A factory: every component instance gets a NATS connection of its own, as in daprd.
	sdk.Register(name, sdk.WithPubSub(func() pubsub.PubSub {
		return jetstream.NewJetStream(log)
	}))
	if err := sdk.Run(); err != nil {
		log.Fatal(err)
	}
}
