package jetstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/coder/websocket"
	"github.com/klauspost/compress/zstd"
)

// inbox lets one goroutine read the socket while another decodes. It holds one batch that is being filled;
// whoever decodes takes it as it is, so that a quiet stream is handed over line by line and a busy one in
// large batches. When it is full the socket waits.
type inbox struct {
	mu    sync.Mutex
	news  sync.Cond // it has become more, or less, or has ended
	open  *lines
	spare *lines
	err   error
}

// lines are messages one after the other.
type lines struct {
	buf  []byte
	ends []int
	long int // messages passed over
}

func newInbox() *inbox {
	in := &inbox{open: &lines{}, spare: &lines{}}
	in.news.L = &in.mu
	return in
}

// errClosed ends an inbox from inside.
var errClosed = errors.New("closed")

func (in *inbox) close() { in.fail(errClosed) }

func (in *inbox) fail(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil {
		in.err = err
	}
	in.news.Broadcast()
}

// take waits for messages. Those that came before an error are handed out before it.
func (in *inbox) take() (*lines, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.open.ends) == 0 && in.open.long == 0 {
		if in.err != nil {
			return nil, in.err
		}
		in.news.Wait()
	}
	b := in.open
	in.open, in.spare = in.spare, nil
	in.news.Broadcast()
	return b, nil
}

// recycle gives a batch back to be filled again.
func (in *inbox) recycle(b *lines) {
	if cap(b.buf) > 4*batchBytes { // one long message need not be kept for ever
		b.buf = nil
	}
	b.buf, b.ends, b.long = b.buf[:0], b.ends[:0], 0
	in.mu.Lock()
	in.spare = b
	in.news.Broadcast()
	in.mu.Unlock()
}

// fill reads messages until the connection ends or the inbox is closed.
func (in *inbox) fill(conn *websocket.Conn, unzip *zstd.Decoder) {
	var buf []byte
	var plain []byte
	for {
		typ, r, err := conn.Reader(context.Background()) // ended by closing the connection: a context for each message costs more than reading it
		if err != nil {
			in.fail(err)
			return
		}
		var long bool
		if buf, long, err = readMessage(r, buf[:0]); err != nil {
			in.fail(err)
			return
		}
		b := buf
		if !long && typ == websocket.MessageBinary && unzip != nil {
			if plain, err = unzip.DecodeAll(buf, plain[:0]); err != nil {
				plain = append(plain[:0], '?') // what cannot be unpacked cannot be decoded
			}
			b = plain
		}
		if !in.put(b, long) {
			return
		}
	}
}

func (in *inbox) put(b []byte, long bool) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	// While the spare is out, the other side has not even decoded the last batch.
	for in.err == nil && (len(in.open.ends) >= batchLines || len(in.open.buf) >= batchBytes) {
		in.news.Wait()
	}
	if in.err != nil {
		return false
	}
	if long {
		in.open.long++
	} else {
		in.open.buf = append(in.open.buf, b...)
		in.open.ends = append(in.open.ends, len(in.open.buf))
	}
	if len(in.open.ends)+in.open.long == 1 {
		in.news.Broadcast()
	}
	return true
}

// readMessage reads one message. One longer than maxLine is read to its end and passed over; one without end
// is an error.
func readMessage(r io.Reader, buf []byte) (_ []byte, long bool, err error) {
	passed := 0
	for {
		if len(buf) == cap(buf) {
			if cap(buf) >= maxLine {
				passed += len(buf)
				buf, long = buf[:0], true
				if passed > maxDiscard {
					return buf, true, errors.New("a message has no end")
				}
			} else {
				grown := make([]byte, len(buf), min(maxLine, max(4096, 2*cap(buf))))
				copy(grown, buf)
				buf = grown
			}
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, long, nil
		}
		if err != nil {
			return buf, long, err
		}
	}
}

// bufferedConn reads its connection in pieces of 64 KiB.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func newBufferedConn(c net.Conn) *bufferedConn {
	return &bufferedConn{c, bufio.NewReaderSize(c, 64<<10)}
}

func (c *bufferedConn) Read(b []byte) (int, error) { return c.r.Read(b) }
