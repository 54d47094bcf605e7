package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"surgecast"
)

// LiveForecast is the risk of a site as it is now, with the newest minute.
type LiveForecast struct {
	RiskBody
	Last *LastMinute `json:"last"`
}

// LastMinute is the newest minute of traffic the forecast knew.
type LastMinute struct {
	At          time.Time `json:"at"`
	RequestsRPM Rate      `json:"requests_rpm"`
}

// LiveSurge is a surge that changed, and how.
type LiveSurge struct {
	SurgeBody
	Transition TransitionBody `json:"transition"`
}

// LiveClock is the clock of the data: in a replay it runs faster than the wall's.
type LiveClock struct {
	Now   time.Time `json:"now"`
	Speed Number    `json:"speed"`
}

type (
	liveIn struct {
		Site        string `query:"site" maxLength:"63" doc:"Only this site"`
		LastEventID string `header:"Last-Event-ID" maxLength:"20" doc:"What a browser sends when it comes back: missed events follow"`
	}
	liveOut struct{ Body func(huma.Context) }
)

const livePath = "/v1/live"

const (
	flushEvery   = 200 * time.Millisecond
	commentEvery = 15 * time.Second // shorter than any proxy's idle limit
	writeWithin  = 5 * time.Second
)

func (s *Server) liveRoutes() {
	op := operation("GET", livePath, "live", "Live updates, as server-sent events")
	op.Description = "Events forecast (LiveForecast), surge (LiveSurge) and clock (LiveClock), each with an id. Without Last-Event-ID the newest forecasts come first. A comment every 15 s keeps the line open. A client that does not keep up is disconnected and comes back."
	schemas := s.api.OpenAPI().Components.Schemas
	one := func(name string, t reflect.Type) *huma.Schema {
		return &huma.Schema{
			Type: huma.TypeObject, Title: name, Required: []string{"event", "data", "id"},
			Properties: map[string]*huma.Schema{
				"id":    {Type: huma.TypeInteger},
				"event": {Type: huma.TypeString, Enum: []any{name}},
				"data":  schemas.Schema(t, true, name),
			},
		}
	}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "OK",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{
			OneOf: []*huma.Schema{
				one("forecast", reflect.TypeFor[LiveForecast]()),
				one("surge", reflect.TypeFor[LiveSurge]()),
				one("clock", reflect.TypeFor[LiveClock]()),
			},
		}}},
	}}
	register(s, op, surgecast.ScopeRead, s.live)
}

func (s *Server) live(ctx context.Context, in *liveIn) (*liveOut, error) {
	who := caller(ctx)
	st := &stream{account: who.account, sees: who.sees, events: make(chan event, streamSize)}
	if in.Site != "" {
		site, err := s.standing(ctx, in.Site)
		if err != nil {
			return nil, err
		}
		st.only = site.site.ID
	}
	var last int64
	if in.LastEventID != "" {
		n, err := strconv.ParseInt(in.LastEventID, 10, 64)
		if err != nil || n < 0 {
			return nil, fieldProblem("Last-Event-ID", codeBadType, "not an id of an event", "Leave it out to begin anew.")
		}
		last = n
	}
	missed, complete, ok := s.hub.join(st, last)
	if !ok {
		return nil, problem(http.StatusServiceUnavailable, codeLimit, "too many live streams", "Close some pages, or poll.").with("Retry-After", "30")
	}
	if !complete {
		missed = s.everything(st)
	}
	return &liveOut{func(hc huma.Context) {
		defer s.hub.leave(st)
		s.stream(hc, st, missed)
	}}, nil
}

// stream writes to one client until it goes, falls behind, or the server stops. It runs in the
// request's own goroutine and starts no other.
func (s *Server) stream(hc huma.Context, st *stream, first []event) {
	c := humagin.Unwrap(hc)
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.Status(http.StatusOK)
	control := http.NewResponseController(c.Writer)
	_ = control.SetReadDeadline(time.Time{}) // the server's limit is for requests, and this one has been read

	write := func(b []byte) bool {
		_ = control.SetWriteDeadline(s.c.Wall().Add(writeWithin)) // a recorder in a test has none
		if _, err := c.Writer.Write(b); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	if !write([]byte("retry: 2000\n\n")) || !write(s.clock().text()) {
		return
	}
	for _, e := range first {
		if !write(e.text()) {
			return
		}
	}
	comment := time.NewTicker(commentEvery)
	defer comment.Stop()
	done := c.Request.Context().Done()
	for {
		select {
		case <-done:
			return
		case <-s.stop:
			return
		case e, ok := <-st.events:
			if !ok || !write(e.text()) {
				return
			}
		case <-comment.C:
			// A key that was taken back, or a session that has ended, ends its streams too.
			if _, p := s.identify(c.Request); p != nil && p.Status == http.StatusUnauthorized {
				return
			}
			if !write([]byte(": still here\n\n")) || !write(s.clock().text()) {
				return
			}
		}
	}
}

// text is the event on the wire. The clock's has no id: it is of the moment.
func (e event) text() []byte {
	b := make([]byte, 0, len(e.data)+64)
	if e.id > 0 {
		b = fmt.Appendf(b, "id: %d\n", e.id)
	}
	b = fmt.Appendf(b, "event: %s\ndata: ", e.name)
	b = append(b, e.data...) // JSON has no line breaks
	return append(b, "\n\n"...)
}

func (s *Server) clock() event {
	b, err := json.Marshal(LiveClock{Now: s.now(), Speed: Number(s.speed())})
	if err != nil { // a time and a number
		panic(err)
	}
	return event{name: "clock", data: b}
}

// everything is the newest forecast of every site the stream may see.
func (s *Server) everything(st *stream) []event {
	id := s.hub.last()
	var out []event
	for _, at := range s.memory.all(st.account) {
		f := at.total()
		if f == nil {
			continue
		}
		if e := s.forecastEvent(at, f, surgecast.TotalSegment); st.wants(e) {
			e.id = id
			out = append(out, e)
		}
	}
	return out
}

// flush puts what changed into words, five times a second.
func (s *Server) flush(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.flushOnce()
		}
	}
}

func (s *Server) flushOnce() {
	all, listened := s.hub.take()
	if !listened {
		return
	}
	for _, n := range all {
		if n.surge != nil {
			s.hub.send(s.surgeEvent(*n.surge, n.transition))
			continue
		}
		st, ok := s.memory.byID(n.key.site)
		if !ok {
			continue
		}
		if f := st.latest[n.key.segment]; f != nil && n.key.segment == surgecast.TotalSegment {
			s.hub.send(s.forecastEvent(st, f, n.key.segment))
		}
	}
}

func (s *Server) forecastEvent(st standing, f *surgecast.SiteForecast, segment string) event {
	body := LiveForecast{RiskBody: s.riskBody(st, f, segment, s.now())}
	for i := len(f.Fed) - 1; i >= 0; i-- {
		if fed := f.Fed[i]; !math.IsNaN(fed.Value) {
			body.Last = &LastMinute{At: fed.Minute.UTC(), RequestsRPM: Rate(fed.Value)}
			break
		}
	}
	return event{account: st.site.AccountID, site: st.site.ID, name: "forecast", data: s.mustJSON(body)}
}

func (s *Server) surgeEvent(surge surgecast.Surge, t surgecast.SurgeTransition) event {
	return event{account: surge.AccountID, site: surge.SiteID, name: "surge", data: s.mustJSON(LiveSurge{surgeBody(surge), transitionBody(t)})}
}

// mustJSON is for our own bodies, whose numbers cannot be NaN.
func (s *Server) mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		s.log.Error("an event cannot be written", "error", err)
		return []byte("null")
	}
	return b
}
