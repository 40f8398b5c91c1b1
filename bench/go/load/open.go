package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
)

// open makes the way back before the way out. What the channel returns ends the run.
func (l *latency) open(ctx context.Context) (target, <-chan error, error) {
	switch l.api {
	case "daprd":
		return l.openDaprd()
	case "socket":
		return l.openSocket(ctx)
	}
	return nil, nil, errAPI(l.api)
}

func (l *latency) openDaprd() (target, <-chan error, error) {
	a := &app{pubsub: l.pubsub, topic: l.topic, arrived: func(event *runtime.TopicEventRequest) {
		l.schedule.arrived(event.GetData())
	}}
	failed, err := a.serve(l.listen)
	if err != nil {
		return nil, nil, err
	}
	if l.address, err = addressFrom(os.Stdin); err != nil {
		return nil, nil, err
	}
	target, err := dialDaprd(&l.endpoint)
	return target, failed, err
}

func (l *latency) openSocket(ctx context.Context) (target, <-chan error, error) {
	target, err := dialSocket(ctx, &l.endpoint)
	if err != nil {
		return nil, nil, err
	}
	stream, err := target.pull(ctx, l.topic)
	if err != nil {
		return nil, nil, fmt.Errorf("PullMessages: %w", err)
	}
	failed := make(chan error, 1)
	go func() {
		failed <- receive(stream, func(event []byte) { l.schedule.arrived(payloadOf(event)) })
	}()
	return target, failed, nil
}

func addressFrom(input io.Reader) (string, error) {
	line, err := bufio.NewReader(input).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("no line \"go HOST:PORT\" on stdin: %w", err)
	}
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "go ")
	if !ok {
		return "", fmt.Errorf("%q on stdin instead of \"go HOST:PORT\"", strings.TrimSpace(line))
	}
	return address, nil
}
