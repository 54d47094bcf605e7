package engine

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
)

// pack shrinks a topic's model for storage. Of 100,000 topics most say nothing most of the time: their
// states are mostly the same number again and again, and snapshots are most of what a sweep writes.
func pack(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("packing a snapshot: %w", err)
	}
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("packing a snapshot: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("packing a snapshot: %w", err)
	}
	return out.Bytes(), nil
}

// packedMost bounds what a damaged snapshot can unpack to.
const packedMost = 16 << 20

func unpack(b []byte) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(b))
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, packedMost))
	if err != nil {
		return nil, fmt.Errorf("unpacking a snapshot: %w", err)
	}
	return out, nil
}
