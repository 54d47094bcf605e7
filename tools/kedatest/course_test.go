package kedatest

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"surgecast"
	"surgecast/api"
	"surgecast/capacity"
)

// begin is when the course starts; minutes count from here.
var begin = time.Date(2026, 9, 14, 14, 0, 0, 0, time.UTC)

// demand is what arrives in a minute of the course: calm at 800 requests a minute, a surge to 6,000 within half an
// hour from minute 60, an hour on top, and the way back.
func demand(minute int) float64 {
	switch m := float64(minute); {
	case m < 60:
		return 800
	case m < 90:
		return 800 + (m-60)/30*5200
	case m < 150:
		return 6000
	default:
		return 800 + 5200*math.Exp(-(m-150)/25)
	}
}

// ledger is what a database holds of it: it outlives the API, and it can be away. Methods of api.Store that nobody
// here calls are those of the nil interface.
type ledger struct {
	api.Store

	mu    sync.Mutex
	away  bool
	site  surgecast.Site
	rows  []surgecast.SiteForecast
	over  []surgecast.Override
	noted []surgecast.Decision
}

var errAway = errors.New("the database is away")

func read[T any](l *ledger, f func() T) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		var none T
		return none, errAway
	}
	return f(), nil
}

func (l *ledger) setAway(away bool) { l.mu.Lock(); defer l.mu.Unlock(); l.away = away }

func (l *ledger) setMode(m surgecast.Mode) { l.mu.Lock(); defer l.mu.Unlock(); l.site.Mode = m }

func (l *ledger) Ping(context.Context) error {
	_, err := read(l, func() bool { return true })
	return err
}

func (l *ledger) AllSites(context.Context) ([]surgecast.Site, error) {
	return read(l, func() []surgecast.Site { return []surgecast.Site{l.site} })
}

func (l *ledger) SiteBySlug(_ context.Context, account int64, slug string) (surgecast.Site, error) {
	s, err := read(l, func() surgecast.Site { return l.site })
	if err == nil && (account != s.AccountID || slug != s.Slug) {
		return s, surgecast.ErrNotFound
	}
	return s, err
}

func (l *ledger) LatestForecasts(context.Context) ([]surgecast.SiteForecast, error) {
	return read(l, func() []surgecast.SiteForecast {
		if len(l.rows) == 0 {
			return nil
		}
		return l.rows[len(l.rows)-1:]
	})
}

func (l *ledger) LatestForecastsSince(_ context.Context, t time.Time) ([]surgecast.SiteForecast, error) {
	return read(l, func() []surgecast.SiteForecast {
		if len(l.rows) == 0 || !l.rows[len(l.rows)-1].IssuedAt.After(t) {
			return nil
		}
		return l.rows[len(l.rows)-1:]
	})
}

func (l *ledger) Forecasts(_ context.Context, _ int64, _ string, from, to time.Time) ([]surgecast.SiteForecast, error) {
	return read(l, func() []surgecast.SiteForecast {
		var out []surgecast.SiteForecast
		for _, f := range l.rows {
			if !f.Origin.Before(from) && f.Origin.Before(to) {
				out = append(out, f)
			}
		}
		return out
	})
}

func (l *ledger) OpenSurges(context.Context) ([]surgecast.Surge, error) {
	return read(l, func() []surgecast.Surge { return nil })
}

func (l *ledger) Overrides(context.Context) ([]surgecast.Override, error) {
	return read(l, func() []surgecast.Override { return l.over })
}

func (l *ledger) Frozen(context.Context, int64) (bool, error) {
	return read(l, func() bool { return false })
}

func (l *ledger) AddDecision(_ context.Context, d surgecast.Decision) error {
	_, err := read(l, func() bool { l.noted = append(l.noted, d); return true })
	return err
}

func (l *ledger) KeyByHash(_ context.Context, sum [32]byte) (surgecast.Key, error) {
	k, err := read(l, func() surgecast.Key {
		return surgecast.Key{ID: "key_test", AccountID: 1, Name: "keda", Scopes: []surgecast.Scope{surgecast.ScopeScale}}
	})
	if err == nil && sum != keySum {
		return k, surgecast.ErrNotFound
	}
	return k, err
}

func (l *ledger) KeyUsed(context.Context, string, time.Time) error {
	_, err := read(l, func() bool { return true })
	return err
}

// sweep is one minute of the engine, with the product's own rules of capacity: it forecasts what the course will
// bring, with some room, unless its traffic is missing.
func (l *ledger) sweep(minute int, blind bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return errAway
	}
	now := begin.Add(time.Duration(minute) * time.Minute)
	var last *surgecast.Recommendation
	var trail capacity.Trail
	for i := range l.rows {
		r := l.rows[i].Recommendation
		trail = trail.Add(r.IssuedAt, r.Units, r.WouldBeUnits, l.site.Capacity.Units)
		last = &l.rows[i].Recommendation
	}
	in := capacity.Input{
		Profile: l.site.Capacity, Mode: l.site.Mode, Now: now, Previous: last, Trail: trail, TrafficConfirms: true,
		DemandNowRPM: demand(minute),
		WindowMaxRPM: func(from, to int, _ float64) float64 {
			most := 0.0
			for m := from; m <= to; m++ {
				most = max(most, demand(minute+m))
			}
			return 1.1 * most
		},
	}
	state := surgecast.StateCalm
	if blind {
		in.DemandNowRPM, in.WindowMaxRPM, state = math.NaN(), nil, surgecast.StateCannotTell
	}
	rec := capacity.Recommend(in)
	rec.ID = surgecast.NewID("rec_")
	l.rows = append(l.rows, surgecast.SiteForecast{
		ID: surgecast.NewID("fct_"), SiteID: l.site.ID, Segment: surgecast.TotalSegment,
		Origin: now.Add(-time.Minute), IssuedAt: now, ValidUntil: now.Add(15 * time.Minute), StepSeconds: 60,
		CapacityRPM: l.site.Capacity.RPM(), RPMPerUnit: l.site.Capacity.RPMPerUnit, Units: l.site.Capacity.Units,
		DemandRPM: in.DemandNowRPM, Recommendation: rec, State: state,
	})
	return nil
}

// newest is the last recommendation stored.
func (l *ledger) newest() surgecast.Recommendation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rows[len(l.rows)-1].Recommendation
}

// clock is the course's time.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) set(at time.Time) { c.mu.Lock(); defer c.mu.Unlock(); c.at = at }
