package jetstreamtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/klauspost/compress/zstd"
)

// Host is one Jetstream host. Its fields may be set before Start; Faults at any time, for the connections
// made after.
type Host struct {
	Log    *Log
	Clock  func() time.Time
	Skew   time.Duration // its clock against the log's
	Seq    int64         // number of event 0; lines of v1 carry numbers if it is not 0, those of v2 always
	Until  int64         // events there are; 0: no end
	Rush   bool          // send as fast as they are read, whatever their time; else each at its time
	Whole  bool          // who names no cursor gets everything, rather than what comes from now on
	Window time.Duration // how far back it goes; 0: to the beginning
	Dict   []byte        // to compress with

	// Seen is called with the index of each event that is sent; nil: nobody wants to know.
	Seen func(i int64)

	Connections atomic.Int64
	Sent        atomic.Int64
	LastQuery   atomic.Pointer[string]

	mu     sync.Mutex
	faults Faults
	server *httptest.Server
	open   map[context.Context]context.CancelCauseFunc
	zip    *zstd.Encoder
}

// Faults are what goes wrong on a connection, after that many of its events; 0: never.
type Faults struct {
	Cut     int64 // the socket is closed without a word
	Silence int64 // nothing more comes, the socket stays open
	Endless int64 // a message begins that does not end
	Refuse  int   // answer to every connection, an HTTP status

	// Every so many events a line is put in between:
	Long     int64 // a post of 100 kB
	Huge     int64 // a post of 3 MB
	BadUTF8  int64 // a post that is not UTF-8
	Garbage  int64 // not JSON
	WrongDay int64 // an event stamped in 1970, or in 2096

	Error string // v2: the stream ends with that error after Cut events
}

// Start opens the host on a loopback port and returns its address.
func (h *Host) Start() string {
	if h.Clock == nil {
		panic("jetstreamtest: a host needs a clock")
	}
	h.open = map[context.Context]context.CancelCauseFunc{}
	if len(h.Dict) > 0 {
		var err error
		if h.zip, err = zstd.NewWriter(nil, zstd.WithEncoderDict(h.Dict), zstd.WithWindowSize(1<<17), zstd.WithEncoderConcurrency(1)); err != nil {
			panic(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/subscribe", func(w http.ResponseWriter, r *http.Request) { h.subscribe(w, r, false) })
	mux.HandleFunc("/xrpc/network.bsky.jetstream.subscribeEvents", func(w http.ResponseWriter, r *http.Request) { h.subscribe(w, r, true) })
	mux.HandleFunc("/xrpc/network.bsky.jetstream.getZstdDictionary", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(h.Dict)
	})
	h.server = httptest.NewUnstartedServer(mux)
	h.server.Listener = corkListener{h.server.Listener}
	h.server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, corkKey{}, c) }
	h.server.Start()
	return "ws" + strings.TrimPrefix(h.server.URL, "http")
}

// Stop ends the host and its connections.
func (h *Host) Stop() {
	h.CutAll()
	h.server.CloseClientConnections()
	h.server.Close()
}

// CutAll closes the sockets of all connections without a word.
func (h *Host) CutAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, cancel := range h.open {
		cancel(errCut)
	}
}

// SetFaults sets what goes wrong on the connections made from now on.
func (h *Host) SetFaults(f Faults) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = f
}

var errCut = fmt.Errorf("cut")

func refuse(w http.ResponseWriter, name, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": name, "message": message})
}

func (h *Host) subscribe(w http.ResponseWriter, r *http.Request, v2 bool) {
	query := r.URL.RawQuery
	h.LastQuery.Store(&query)
	h.Connections.Add(1)
	h.mu.Lock()
	f := h.faults
	h.mu.Unlock()
	if f.Refuse > 0 {
		http.Error(w, http.StatusText(f.Refuse), f.Refuse)
		return
	}
	q := r.URL.Query()
	wanted := q["wantedCollections"]
	zip := q.Get("compress") == "true"
	if v2 {
		for name := range q {
			if strings.HasPrefix(name, "wanted") {
				refuse(w, "InvalidRequest", name+" is a parameter of v1")
				return
			}
		}
		wanted = q["collections"]
		if zip = q.Get("zstdDictionary") != ""; zip && (len(h.Dict) < 8 || q.Get("zstdDictionary") != strconv.Itoa(int(dictID(h.Dict)))) {
			refuse(w, "UnknownZstdDictionary", "no such dictionary")
			return
		}
	}
	now := h.Clock()
	first := h.Log.After(now.UnixMicro() - h.Skew.Microseconds())
	if h.Rush || h.Whole {
		first = 0
	}
	skipBefore := int64(0)
	var notice string
	if c := q.Get("cursor"); c != "" {
		n, err := strconv.ParseInt(c, 10, 64)
		if err != nil {
			refuse(w, "InvalidRequest", "cursor")
			return
		}
		floor := int64(0)
		if h.Window > 0 {
			floor = h.Log.After(now.Add(-h.Window).UnixMicro() - h.Skew.Microseconds())
		}
		switch {
		case n < 1e15 && v2 && n-h.Seq < floor:
			refuse(w, "CursorTooOld", fmt.Sprintf("the oldest is %d", floor+h.Seq))
			return
		case n < 1e15:
			first = max(n-h.Seq, floor)
		case n > now.UnixMicro() && !h.Rush: // of the future: live
		default:
			first, skipBefore = h.Log.After(n-h.Skew.Microseconds()), n
			if first < floor {
				first, skipBefore = floor, 0
				notice = "OutdatedCursor"
			}
		}
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	ctx, cancel := context.WithCancelCause(conn.CloseRead(context.Background())) // what the client sends is read and ignored
	defer cancel(nil)
	h.mu.Lock()
	h.open[ctx] = cancel
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.open, ctx)
		h.mu.Unlock()
	}()
	p := &player{h: h, f: f, conn: conn, v2: v2, zip: zip, wanted: map[string]bool{}}
	p.cork, _ = r.Context().Value(corkKey{}).(*corkConn)
	for _, c := range wanted {
		p.wanted[c] = true
	}
	if v2 && notice != "" {
		_ = p.send([]byte(`{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#info","name":"OutdatedCursor","message":"begins at the floor"}}`))
	}
	p.play(ctx, first, skipBefore)
}

// player sends to one connection.
type player struct {
	h      *Host
	f      Faults
	conn   *websocket.Conn
	cork   *corkConn
	v2     bool
	zip    bool
	wanted map[string]bool
	zipped []byte
}

func (p *player) send(b []byte) error {
	typ := websocket.MessageText
	if p.zip {
		p.zipped = p.h.zip.EncodeAll(b, p.zipped[:0])
		b, typ = p.zipped, websocket.MessageBinary
	}
	return p.conn.Write(context.Background(), typ, b)
}

func (p *player) play(ctx context.Context, i, skipBefore int64) {
	h := p.h
	var b, v []byte
	sent := int64(0)
	defer p.cork.uncork()
	p.cork.hold()
	for ctx.Err() == nil {
		if h.Until > 0 && i >= h.Until || !h.Rush && h.Log.Stamp(i)+h.Skew.Microseconds() > h.Clock().UnixMicro() {
			p.cork.flush()
			wait := time.NewTimer(2 * time.Millisecond)
			select {
			case <-ctx.Done():
			case <-wait.C:
			}
			wait.Stop()
			continue
		}
		if h.Log.Stamp(i)+h.Skew.Microseconds() < skipBefore {
			i++
			continue
		}
		if !p.wants(i) {
			i++
			continue
		}
		if h.Seen != nil {
			h.Seen(i)
		}
		b = h.Log.Append(b[:0], i, h.Skew)
		if h.Seq > 0 && !p.v2 {
			b = append(b[:len(b)-1], `,"cursor":`...)
			b = append(strconv.AppendInt(b, h.Seq+i, 10), '}')
		}
		line := b
		if p.v2 {
			v = appendV2(v[:0], b, h.Seq+i)
			line = v
		}
		if p.send(line) != nil {
			return
		}
		i++
		sent++
		h.Sent.Add(1)
		if p.disturb(ctx, sent) {
			return
		}
	}
}

// wants is the filter: identity and account events always arrive on v1.
func (p *player) wants(i int64) bool {
	c := p.h.Log.lines[i%int64(len(p.h.Log.lines))].collection()
	if c == "" {
		return !p.v2
	}
	return len(p.wanted) == 0 || p.wanted[c]
}

func (s *sample) collection() string {
	for _, piece := range s.pieces {
		if n := bytes.Index(piece, []byte(`"collection":"`)); n >= 0 {
			rest := piece[n+len(`"collection":"`):]
			return string(rest[:bytes.IndexByte(rest, '"')])
		}
	}
	return ""
}

// disturb does what is to go wrong after so many events; true: this connection is over.
func (p *player) disturb(ctx context.Context, sent int64) bool {
	due := func(every int64) bool { return every > 0 && sent%every == 0 }
	now := p.h.Clock()
	put := func(line string) { _ = p.send([]byte(line)) }
	if due(p.f.Long) {
		put(odd(now.UnixMicro(), "long", strings.Repeat("long ", 20_000)))
	}
	if due(p.f.Huge) {
		put(odd(now.UnixMicro(), "huge", strings.Repeat("huge ", 600_000)))
	}
	if due(p.f.BadUTF8) {
		put(odd(now.UnixMicro(), "bad", "\xff\xfe\xc0\x80 badbytes \xed\xa0\x80"))
	}
	if due(p.f.Garbage) {
		put(`{"did":"did:plc:x","time_us":17,"kind":"commit","commit":{"operation`)
		put("\x00\x01")
	}
	if due(p.f.WrongDay) {
		put(odd(1, "past", "wrongclock"))
		put(odd(4_000_000_000_000_000, "future", "wrongclock"))
	}
	switch {
	case p.f.Cut > 0 && sent >= p.f.Cut:
		if p.v2 && p.f.Error != "" {
			put(`{"$type":"error","error":"` + p.f.Error + `","message":"told to"}`)
		}
		p.cork.uncork()
		p.cork.Close()
		return true
	case p.f.Silence > 0 && sent >= p.f.Silence:
		p.cork.uncork()
		<-ctx.Done()
		return true
	case p.f.Endless > 0 && sent >= p.f.Endless:
		p.cork.uncork()
		w, err := p.conn.Writer(context.Background(), websocket.MessageText)
		junk := bytes.Repeat([]byte("endless "), 8192)
		for err == nil && ctx.Err() == nil {
			_, err = w.Write(junk)
		}
		return true
	}
	return false
}

// odd is a post of v1 whose key names what is odd about it.
func odd(micros int64, key, text string) string {
	dated := time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.000Z")
	return fmt.Sprintf(`{"did":"did:plc:odd","time_us":%d,"kind":"commit","commit":{"rev":"3a","operation":"create","collection":"app.bsky.feed.post","rkey":%q,"record":{"$type":"app.bsky.feed.post","createdAt":%q,"text":"%s"}}}`,
		micros, key+strconv.FormatInt(micros, 36), dated, text)
}

// appendV2 turns a line of v1 into a frame of v2.
func appendV2(to, v1 []byte, seq int64) []byte {
	var line struct {
		Did    string `json:"did"`
		Time   int64  `json:"time_us"`
		Kind   string `json:"kind"`
		Commit json.RawMessage
	}
	if json.Unmarshal(v1, &line) != nil {
		return append(to, v1...)
	}
	to = fmt.Appendf(to, `{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#%s","seq":%d,"did":%q,"time":%q`,
		line.Kind, seq, line.Did, time.UnixMicro(line.Time).UTC().Format("2006-01-02T15:04:05.000000Z"))
	if len(line.Commit) > 2 {
		to = append(append(to, ','), line.Commit[1:len(line.Commit)-1]...)
	}
	return append(to, "}}"...)
}

func dictID(b []byte) uint32 {
	return uint32(b[4]) | uint32(b[5])<<8 | uint32(b[6])<<16 | uint32(b[7])<<24
}
