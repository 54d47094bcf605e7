package wikimedia

import (
	"bytes"
	"io"
)

// bounded passes an event stream on and cuts every event off after limit bytes, so that one event of any
// length is a decoder's fault and not the end of the stream: what is left of it is thrown away up to the blank
// line that ends it. Before each read that may wait it calls idle.
type bounded struct {
	r     io.Reader
	limit int
	idle  func() error
	cut   func() // an event was cut

	event    int  // bytes of the event so far
	lineOpen bool // the present line has something in it
	skipping bool
}

func (b *bounded) Read(p []byte) (int, error) {
	for {
		if err := b.idle(); err != nil {
			return 0, err
		}
		n, err := b.r.Read(p)
		if n = b.pass(p[:n]); n > 0 || err != nil {
			return n, err
		}
	}
}

// pass keeps of p what is to be read, in place, and returns how much that is.
func (b *bounded) pass(p []byte) int {
	if !b.skipping && b.event+len(p) <= b.limit && !bytes.Contains(p, []byte("\n")) {
		b.event += len(p)
		b.lineOpen = b.lineOpen || len(bytes.Trim(p, "\r")) > 0
		return len(p)
	}
	out := 0
	for _, c := range p {
		b.event++
		blank := false
		switch c {
		case '\n':
			blank = !b.lineOpen
			b.lineOpen = false
		case '\r':
		default:
			b.lineOpen = true
		}
		if !b.skipping && b.event > b.limit && !blank {
			b.skipping = true
			b.cut()
			p[out] = '\n' // ends the line that is cut, unread as it will be
			out++
			continue
		}
		if blank {
			b.event, b.skipping = 0, false
		}
		if !b.skipping {
			p[out] = c
			out++
		}
	}
	return out
}
