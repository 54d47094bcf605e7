package jetstream

import "surgecast/ingest"

var testDecoder decoder

// DecodeForTest decodes one line of v1 as the stream does.
func DecodeForTest(hash func(int64, []byte) uint64, b []byte) (*ingest.Post, error) {
	testDecoder.hash = hash
	testDecoder.reset()
	err := v1(&testDecoder, b, &testEvent)
	return &testEvent.post, err
}

var testEvent event
