package engine

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"io"
	"sync"
)

// packedMost bounds what damaged bytes can unpack to.
const packedMost = 64 << 20

// A writer is a megabyte; there is one for each worker and level.
var deflaters [flate.BestCompression + 1]sync.Pool

// deflate appends raw, packed, to b.
func deflate(b, raw []byte, level int) ([]byte, error) {
	if level == flate.DefaultCompression {
		level = 6
	}
	out := bytes.NewBuffer(b)
	w, ok := deflaters[level].Get().(*flate.Writer)
	if !ok {
		var err error
		if w, err = flate.NewWriter(out, level); err != nil {
			return nil, err
		}
	}
	defer deflaters[level].Put(w)
	w.Reset(out)
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func inflate(b []byte) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(b))
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, packedMost))
}

// packed is the first byte of a site's state when it is packed; JSON and a model's magic begin with another.
const packed = 0x01

// pack shrinks a site's state: what is remembered beside the model is stored every minute, and most of it is names;
// half of a model is numbers that have not moved.
func pack(blob []byte) ([]byte, error) { return deflate([]byte{packed}, blob, flate.BestSpeed) }

// unpack reads what pack wrote, and what was stored before there was a pack.
func unpack(blob []byte) ([]byte, error) {
	if len(blob) == 0 || blob[0] != packed {
		return blob, nil
	}
	return inflate(blob[1:])
}

// readRunning reads what is remembered of a site.
func readRunning(blob []byte, r *running) error {
	b, err := unpack(blob)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, r)
}
