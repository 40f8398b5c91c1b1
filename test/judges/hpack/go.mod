module dapr-nats-jetstream/test/judges/hpack

go 1.26.5

require golang.org/x/net v0.55.0
