// Prints what golang.org/x/net/http2/hpack, the HPACK code of grpc-go, says: blocks
// that its encoder wrote, and what its decoder makes of blocks that were damaged.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"

	"golang.org/x/net/http2/hpack"
)

const tableSize = 4096

// Name and value. Bytes are base64 in JSON.
type field [2][]byte

type block struct {
	Bytes  []byte  `json:"bytes"`
	Fields []field `json:"fields"`
}

type verdict struct {
	// Valid blocks that are decoded first, by the same decoder.
	Before []block `json:"before"`
	Bytes  []byte  `json:"bytes"`
	// What the decoder returned, unless Error says why it rejected the bytes.
	Fields []field `json:"fields"`
	Error  string  `json:"error"`
}

type output struct {
	// By octet: its Huffman code, padded.
	Octets [][]byte `json:"octets"`
	// One connection each: its blocks in order.
	Connections [][]block `json:"connections"`
	Verdicts    []verdict `json:"verdicts"`
}

var names = []string{
	":method", ":path", ":status", "content-type", "user-agent", "te", "grpc-timeout",
	"grpc-accept-encoding", "x-component-instance", "authorization", "cookie",
}

var values = []string{
	"", "GET", "POST", "200", "/", "/dapr.proto.components.v1.PubSub/Publish",
	"application/grpc", "trailers", "gzip", "grpc-go/1.80.0",
}

func randomText(random *rand.Rand, most int) string {
	text := make([]byte, random.IntN(most))
	printable := random.IntN(2) == 0
	for at := range text {
		if printable {
			text[at] = byte(0x20 + random.IntN(0x5f))
		} else {
			text[at] = byte(random.IntN(256))
		}
	}
	return string(text)
}

func randomField(random *rand.Rand) hpack.HeaderField {
	name, value := names[random.IntN(len(names))], values[random.IntN(len(values))]
	switch random.IntN(40) {
	case 0, 1, 2, 3:
		name = randomText(random, 40)
	case 4, 5, 6, 7:
		value = fmt.Sprintf("%dm", random.IntN(10_000))
	case 8, 9, 10, 11:
		value = randomText(random, 100)
	case 12:
		value = randomText(random, 6_000)
	}
	return hpack.HeaderField{Name: name, Value: value, Sensitive: random.IntN(20) == 0}
}

// Two changes of the table size lead to two updates at the beginning of one block.
func encodeBlocks(random *rand.Rand, count, sizeChanges int) []block {
	var buffer bytes.Buffer
	encoder := hpack.NewEncoder(&buffer)
	blocks := make([]block, 0, count)
	for range count {
		buffer.Reset()
		if random.IntN(5) == 0 {
			for range sizeChanges {
				encoder.SetMaxDynamicTableSize(uint32(random.IntN(tableSize + 1)))
			}
		}
		fields := []field{}
		for range 1 + random.IntN(14) {
			one := randomField(random)
			check(encoder.WriteField(one))
			fields = append(fields, field{[]byte(one.Name), []byte(one.Value)})
		}
		blocks = append(blocks, block{bytes.Clone(buffer.Bytes()), fields})
	}
	return blocks
}

func damage(random *rand.Rand, valid []byte) []byte {
	at := random.IntN(len(valid) + 1)
	end := min(len(valid), at+random.IntN(3))
	damaged := bytes.Clone(valid[:at])
	for range random.IntN(3) {
		damaged = append(damaged, byte(random.IntN(256)))
	}
	if random.IntN(4) > 0 {
		damaged = append(damaged, valid[end:]...)
	}
	return damaged
}

func judge(random *rand.Rand) verdict {
	// The decoder rejects the second update of a block, although RFC 7541 allows two.
	blocks := encodeBlocks(random, 1+random.IntN(4), 1)
	before, last := blocks[:len(blocks)-1], blocks[len(blocks)-1]
	result := verdict{Before: before, Bytes: damage(random, last.Bytes), Fields: []field{}}
	decoder := hpack.NewDecoder(tableSize, nil)
	for _, valid := range before {
		_, err := decoder.DecodeFull(valid.Bytes)
		check(err)
	}
	fields, err := decoder.DecodeFull(result.Bytes)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	for _, one := range fields {
		result.Fields = append(result.Fields, field{[]byte(one.Name), []byte(one.Value)})
	}
	return result
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	seed := flag.Uint64("seed", 1, "seed of everything that is random")
	flag.Parse()
	random := rand.New(rand.NewPCG(*seed, 0))
	var result output
	for octet := range 256 {
		code := hpack.AppendHuffmanString(nil, string([]byte{byte(octet)}))
		result.Octets = append(result.Octets, code)
	}
	for range 40 {
		result.Connections = append(result.Connections, encodeBlocks(random, 20, 2))
	}
	for range 3_000 {
		result.Verdicts = append(result.Verdicts, judge(random))
	}
	check(json.NewEncoder(os.Stdout).Encode(result))
}
