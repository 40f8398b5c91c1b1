package main

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// seconds is a flag: a number of seconds, possibly a fraction.
type seconds time.Duration

func (s *seconds) String() string {
	return strconv.FormatFloat(time.Duration(*s).Seconds(), 'g', -1, 64)
}

func (s *seconds) Set(text string) error {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || number < 0 {
		return fmt.Errorf("not a number of seconds")
	}
	*s = seconds(number * float64(time.Second))
	return nil
}

// properties is a flag: key=value, repeated.
type properties map[string]string

func (p *properties) String() string { return "" }

func (p *properties) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("not of the form key=value")
	}
	if *p == nil {
		*p = properties{}
	}
	(*p)[key] = value
	return nil
}

// endpoint is what is put under load, and with what messages.
type endpoint struct {
	api     string
	address string
	pubsub  string
	topic   string
	size    int
	init    properties
}

func (e *endpoint) define(flags *flag.FlagSet) {
	flags.StringVar(&e.api, "api", "socket", "`kind` of address: daprd or socket")
	e.defineSocket(flags)
	flags.IntVar(&e.size, "size", 256, "payload `bytes` of a message")
}

func (e *endpoint) defineSocket(flags *flag.FlagSet) {
	flags.StringVar(&e.address, "address", "", "`host:port` of daprd's gRPC API, or the socket's path")
	e.defineNames(flags)
	flags.Var(&e.init, "init", "`key=value` for the component's Init; socket only, repeatable")
}

func (e *endpoint) defineNames(flags *flag.FlagSet) {
	flags.StringVar(&e.pubsub, "pubsub", "pubsub", "`name` of the Component")
	flags.StringVar(&e.topic, "topic", "orders", "`topic` of the messages")
}

// span is how long a load is applied.
type span struct {
	measured seconds
	warmup   seconds
}

func (s *span) define(flags *flag.FlagSet) {
	s.measured = seconds(10 * time.Second)
	s.warmup = seconds(2 * time.Second)
	flags.Var(&s.measured, "seconds", "measured `seconds`, after the warmup")
	flags.Var(&s.warmup, "warmup", "`seconds` of load before the measurement")
}
