package jetstreamtest

import (
	"net"
	"sync"
)

// corkConn collects small writes while it is held: a websocket writes every message by itself, and fifty
// thousand system calls a second would measure the server.
type corkConn struct {
	net.Conn
	mu   sync.Mutex
	held bool
	buf  []byte
}

type corkKey struct{}

type corkListener struct{ net.Listener }

func (l corkListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &corkConn{Conn: c}, nil
}

const corkBytes = 64 << 10

func (c *corkConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.held {
		return c.Conn.Write(b)
	}
	c.buf = append(c.buf, b...)
	if len(c.buf) >= corkBytes {
		return len(b), c.out()
	}
	return len(b), nil
}

func (c *corkConn) out() error {
	if len(c.buf) == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.buf)
	c.buf = c.buf[:0]
	return err
}

func (c *corkConn) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
}

func (c *corkConn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.out() // the next write says so too
}

func (c *corkConn) uncork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.out()
	c.held = false
}
