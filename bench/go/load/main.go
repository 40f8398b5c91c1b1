// Command load puts load on a Dapr pub/sub component, through daprd or at the component's own
// socket, and measures what comes of it.
//
// What happens is told on stderr. The last line on stdout is one JSON object, the result; the
// lines before it (listening, ready, measuring) tell a caller how far it is.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// A command is one kind of load.
type command interface {
	define(flags *flag.FlagSet)
	run(ctx context.Context) (result any, err error)
	// progress says how far a run got that found no end in time. It is called while run runs.
	progress() string
}

// A holder has something to keep up after its result is known.
type holder interface {
	hold(ctx context.Context)
}

var commands = map[string]func() command{
	"publish":   func() command { return &publish{} },
	"bulk":      func() command { return &bulk{} },
	"subscribe": func() command { return &subscribe{} },
	"pull":      func() command { return &pull{} },
	"latency":   func() command { return &latency{} },
	"fill":      func() command { return &fill{} },
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("load: ")
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		log.Fatal("usage: load publish|bulk|subscribe|pull|latency|fill [flags] (-h lists them)")
	}
	name := os.Args[1]
	log.SetPrefix("load " + name + ": ")
	if err := execute(name, os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

func execute(name string, args []string) error {
	cmd := commands[name]()
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	limit := seconds(120 * time.Second)
	flags.Var(&limit, "limit", "`seconds` after which a run without a result fails")
	cmd.define(flags)
	_ = flags.Parse(args) // ends the process itself when it fails
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	signals, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	result, err := bounded(signals, time.Duration(limit), cmd)
	if err != nil {
		return err
	}
	line, err := json.Marshal(result)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	if h, ok := cmd.(holder); ok {
		h.hold(signals)
	}
	return nil
}

// bounded does not wait for a run that is out of time or was told to end: the process ends.
func bounded(ctx context.Context, limit time.Duration, cmd command) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type outcome struct {
		result any
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := cmd.run(ctx)
		done <- outcome{result, err}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done():
	}
	// Asked first: a run that notices the end itself would only say "context canceled".
	switch {
	case o.result != nil && o.err == nil:
		return o.result, nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("no result within %v: %s", limit, cmd.progress())
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %s", context.Cause(ctx), cmd.progress())
	}
	return nil, o.err
}
