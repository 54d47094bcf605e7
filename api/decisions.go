package api

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"surgecast"
)

// DecisionBody is one answer of /scale that differed from the one before.
type DecisionBody struct {
	At         time.Time `json:"at"`
	Caller     string    `json:"caller"`
	Units      *int      `json:"units" doc:"null: an error was answered, not a number"`
	Stale      bool      `json:"stale"`
	StatusCode int       `json:"status_code"`
	Reason     string    `json:"reason"`
	ForecastID string    `json:"forecast_id"`
}

type (
	decisionsIn struct {
		SitePath
		PageQuery
	}
	decisionsOut struct{ Body List[DecisionBody] }
)

func (s *Server) decisions(ctx context.Context, in *decisionsIn) (*decisionsOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	p, err := in.page("decisions")
	if err != nil {
		return nil, err
	}
	ds, next, err := s.c.Store.Decisions(ctx, site.ID, p)
	if err != nil {
		return nil, fmt.Errorf("listing decisions of %s: %w", in.Site, err)
	}
	return &decisionsOut{listOf("decisions", ds, next, func(d surgecast.Decision) DecisionBody {
		b := DecisionBody{At: d.At.UTC(), Caller: d.Caller, Stale: d.Stale, StatusCode: d.StatusCode, Reason: d.Reason, ForecastID: d.ForecastID}
		if d.StatusCode == http.StatusOK {
			b.Units = &d.Units
		}
		return b
	})}, nil
}

// choices remembers the last answer of each site, and carries those that changed to the decision log
// outside the request path.
type choices struct {
	queue chan surgecast.Decision

	mu   sync.Mutex
	last map[int64]choice
}

type choice struct {
	units, status int
	stale         bool
	reason        string
}

func newChoices() *choices {
	return &choices{queue: make(chan surgecast.Decision, 1024), last: map[int64]choice{}}
}

// choose notes an answer when it differs from the site's last one. A full queue means the database is
// away: the change is then noted with the next answer.
func (s *Server) choose(ctx context.Context, st standing, b ScaleBody, why *Problem, now time.Time) {
	c := choice{units: b.Units, status: http.StatusOK, stale: b.Stale, reason: b.Reason}
	if why != nil {
		c = choice{status: why.Status, stale: b.Stale, reason: why.Code}
	}
	s.choices.mu.Lock()
	defer s.choices.mu.Unlock()
	if before, ok := s.choices.last[st.site.ID]; ok && before == c {
		return
	}
	who := caller(ctx)
	d := surgecast.Decision{
		SiteID: st.site.ID, At: now, Caller: who.key, Units: c.units, Stale: c.stale, StatusCode: c.status, Reason: c.reason,
	}
	if who.name != "" && who.name != who.key {
		d.Caller = who.name + " (" + who.key + ")"
	}
	if st.good != nil {
		d.ForecastID = st.good.ID
	}
	select {
	case s.choices.queue <- d:
		s.choices.last[st.site.ID] = c
	default:
		s.metrics.decisionsHeld.Inc()
	}
}

// writeDecisions writes the log, one after the other, and what is left when the server stops.
func (s *Server) writeDecisions(ctx context.Context) error {
	write := func(ctx context.Context, d surgecast.Decision) {
		for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
			err := s.c.Store.AddDecision(ctx, d)
			if err == nil {
				return
			}
			s.log.WarnContext(ctx, "decision is not logged yet", "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	}
	for {
		select {
		case <-ctx.Done():
			rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			for {
				select {
				case d := <-s.choices.queue:
					if rest.Err() != nil { // the database is away: once said is enough
						return nil
					}
					write(rest, d)
				default:
					return nil
				}
			}
		case d := <-s.choices.queue:
			write(ctx, d)
		}
	}
}
