package api

import (
	"sync"

	"surgecast"
)

// hub carries news to live streams. It owns no goroutine: flush is called by the server's Run, streams
// read their own channel.
//
// A replay makes forecasts faster than anybody reads: between two flushes only the newest of a site
// is kept, and it is put into words once, for all streams.
type hub struct {
	mu      sync.Mutex
	next    int64 // id of the next event; rises across restarts, because it starts from wall time
	streams map[*stream]struct{}
	ring    []event // the last events, for Last-Event-ID
	pending []news
	waiting map[forecastKey]bool
}

type forecastKey struct {
	site    int64
	segment string
}

// news is something that changed since the last flush.
type news struct {
	key        forecastKey
	surge      *surgecast.Surge
	transition surgecast.SurgeTransition
}

// event is one message of the stream.
type event struct {
	id      int64
	account int64
	site    int64 // 0: of no single site
	name    string
	data    []byte
}

// stream is one connected client.
type stream struct {
	account int64
	sees    func(site int64) bool
	only    int64 // 0: all sites
	events  chan event
}

const (
	ringSize   = 512
	streamSize = 256 // events a client may be behind before it is dropped
	mostStream = 1000
)

func newHub(first int64) *hub {
	return &hub{next: first, streams: map[*stream]struct{}{}, waiting: map[forecastKey]bool{}}
}

func (h *hub) forecast(site int64, segment string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := forecastKey{site, segment}
	if !h.waiting[k] {
		h.waiting[k] = true
		h.pending = append(h.pending, news{key: k})
	}
}

func (h *hub) surge(s surgecast.Surge, t surgecast.SurgeTransition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.pending) < 10_000 { // without a flush nobody listens
		h.pending = append(h.pending, news{surge: &s, transition: t})
	}
}

// take empties what is pending, and says whether anybody listens.
func (h *hub) take() (all []news, listened bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, h.pending = h.pending, nil
	clear(h.waiting)
	return all, len(h.streams) > 0 || len(h.ring) > 0
}

// send gives an event to every stream that may see it. A stream that does not keep up is closed: its
// client comes back with Last-Event-ID, and nobody else waits for it.
func (h *hub) send(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.id = h.next
	h.next++
	if len(h.ring) == ringSize {
		copy(h.ring, h.ring[1:])
		h.ring = h.ring[:ringSize-1]
	}
	h.ring = append(h.ring, e)
	for s := range h.streams {
		if !s.wants(e) {
			continue
		}
		select {
		case s.events <- e:
		default:
			delete(h.streams, s)
			close(s.events)
		}
	}
}

func (s *stream) wants(e event) bool {
	return e.account == s.account && (e.site == 0 || (s.only == 0 || s.only == e.site) && s.sees(e.site))
}

// join adds a stream. missed are the events after last; complete is false when some are forgotten, or
// last is not ours: the client then needs everything anew.
func (h *hub) join(s *stream, last int64) (missed []event, complete, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= mostStream {
		return nil, false, false
	}
	h.streams[s] = struct{}{}
	complete = last > 0 && last < h.next && (last == h.next-1 || len(h.ring) > 0 && h.ring[0].id <= last+1)
	if complete {
		for _, e := range h.ring {
			if e.id > last && s.wants(e) {
				missed = append(missed, e)
			}
		}
	}
	return missed, complete, true
}

func (h *hub) leave(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.streams[s]; ok {
		delete(h.streams, s)
		close(s.events)
	}
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams)
}

// last is the id of the newest event: a client that is shown everything begins there.
func (h *hub) last() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next - 1
}
