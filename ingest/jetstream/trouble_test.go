package jetstream_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"surgecast/ingest/jetstream"
	"surgecast/ingest/jetstream/jetstreamtest"
	"surgecast/store/storetest"
)

// said collects what is logged.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) lines(containing string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(s.text.String()) {
		if strings.Contains(line, containing) {
			n++
		}
	}
	return n
}

// Nobody listens where the feed should be: it is tried again and again and said once; when somebody does, that is
// said once too.
//
// Fails when: Supervisor.connect logs every failure, watch never calls lives, or meter.enter keeps the error in a programmer's words.
func TestAClosedSocketIsSaidOnce(t *testing.T) {
	t.Parallel()
	// A socket that has its port and does not listen refuses everybody, and nobody else gets the port meanwhile.
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	closed := os.NewFile(uintptr(socket), "closed")
	t.Cleanup(func() { closed.Close() })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	w := newWorld(t, storetest.URL(t))
	w.clock, w.stall = fastClock(5, time.Now()), 5*patience
	var log said
	w.log = slog.New(slog.NewTextHandler(&log, nil))
	w.count("one", jetstream.Options{Hosts: []string{"ws://" + address}})
	w.until(func() bool { return w.health().Reconnects >= 4 })
	if got, want := w.health().Sentence(w.clock(), time.Hour), "Cannot be reached: nobody listens at "+address+". It is tried again by itself."; got != want {
		t.Errorf("the sources page says %q, want %q", got, want)
	}
	if n := log.lines("level=WARN"); n != 1 {
		t.Errorf("%d warnings for %d attempts, want 1:\n%s", n, w.health().Reconnects, log.text.String())
	}

	l := newLog(t, w.clock(), 5*time.Millisecond)
	target := strings.TrimPrefix(startHost(t, &jetstreamtest.Host{Log: l, Whole: true, Clock: w.clock}), "ws://")
	if err := syscall.Listen(socket, 16); err != nil {
		t.Fatal(err)
	}
	open, err := net.FileListener(closed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { open.Close() })
	go func() {
		for {
			in, err := open.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			go func() { io.Copy(out, in); out.Close() }()
			go func() { io.Copy(in, out); in.Close() }()
		}
	}()
	w.until(func() bool { return log.lines("the feed is read again") > 0 })
	time.Sleep(time.Second)
	if n, m := log.lines("level=WARN"), log.lines("the feed is read again"); n != 1 || m != 1 {
		t.Errorf("%d warnings and %d recoveries, want one of each:\n%s", n, m, log.text.String())
	}
}
