#!/bin/sh
# Publishes dead letters again, each to the subject it came from, and removes a letter once its stream has
# the message. What dies meanwhile is left for the next time, and so is everything from the first failure on.
# Interrupted between the two, it publishes one message twice.
#
# Usage: sh republish-dead-letters.sh <stream> <deadLetterSubject>
# Needs the NATS CLI and jq. NATS_URL, NATS_USER, NATS_PASSWORD say which server, and who asks.
set -eu
stream=$1
subject=$2

last=$(nats stream get "$stream" --last-for "$subject" --json | jq .seq)
sequence=0
while [ "$sequence" -lt "${last:?no dead letters}" ]; do
  next="{\"seq\": $((sequence + 1)), \"next_by_subj\": \"$subject\"}"
  letter=$(nats request --raw "\$JS.API.STREAM.MSG.GET.$stream" "$next" |
    jq '.message | .headers = (.hdrs // "" | @base64d | split("\r\n")[1:])')
  sequence=$(printf %s "$letter" | jq .seq)
  origin=$(printf %s "$letter" | jq -r '
    [.headers[] | capture("^Dead-Letter-Subject: (?<it>.+)").it][0]
    // error("message \(.seq) has no Dead-Letter-Subject")')
  # Those that the message had of its own, quoted for the shell; the CLI takes {{ for a template.
  headers=$(printf %s "$letter" | jq -r '
    .headers[] | select(test("^(Dead-Letter-|Nats-|$)"; "i") | not)
    | gsub("\\{\\{"; "{{\"{{\"}}") | "--header=" + . | @sh' | tr '\n' ' ')
  printf %s "$letter" | jq -r '.data // ""' | base64 -d |
    eval "nats publish \"\$origin\" $headers --jetstream --no-templates"
  nats stream rmm --force "$stream" "$sequence"
done
