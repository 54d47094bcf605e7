package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"

	"surgecast"
)

// GapStore is what a GapWatch needs of the database.
type GapStore interface {
	Sources(ctx context.Context) ([]surgecast.Source, error)
	SourceHealths(ctx context.Context) ([]surgecast.SourceHealth, error)
	Gaps(ctx context.Context, sourceID int64, since time.Time) ([]surgecast.SourceGap, error)
	AccountIDs(ctx context.Context) ([]int64, error)
	States(ctx context.Context, prefix string) ([]surgecast.ModelState, error)
	SaveSweep(ctx context.Context, s surgecast.Sweep) error
	AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (surgecast.Lease, bool, error)
}

// GapWatch tells when a feed has not been counted for too long, and when it is again: each gap twice, whatever is
// killed meanwhile, because what was told is stored with the message. It looks at what feeds last said of
// themselves, so it notices too when nothing reads them any more; a feed that was switched off is no gap.
type GapWatch struct {
	Store  GapStore
	Clock  surgecast.Clock
	Logger *slog.Logger
	Holder string        // names this process in leases
	After  time.Duration // how old a feed's last complete minute may become
	Every  time.Duration // between looks; 0: 15 s

	began time.Time // of the first look
}

const (
	gapLease  = "source-gaps"
	gapStates = "gap:"
	// gapNews is how long ago a gap may have begun and still be told: a feed given up last month is none.
	gapNews = 24 * time.Hour
	// offAfter is how long a feed must say that it is stopped to be switched off: a process that is started again,
	// which is what people do about a gap, says so too until it reads.
	offAfter = 2 * time.Minute
)

// gapData is the data of source.gap.
type gapData struct {
	Schema         int                  `json:"schema"`
	Source         string               `json:"source"`
	Kind           surgecast.SourceKind `json:"kind"`
	State          string               `json:"state"` // open, closed
	From           time.Time            `json:"from"`  // first minute that was not counted in time
	To             *time.Time           `json:"to"`    // closed: counted again from here on
	MissingMinutes *float64             `json:"missing_minutes"`
	Reason         string               `json:"reason,omitempty"`
	Headline       string               `json:"headline"`
	Sentence       string               `json:"sentence"`
	Simulated      bool                 `json:"simulated"`
}

// gapTold is what was told of a feed; From zero: no gap is open.
type gapTold struct {
	From time.Time `json:"from"`
}

// Run looks until ctx ends.
func (w *GapWatch) Run(ctx context.Context) error {
	every := w.Every
	if every <= 0 {
		every = 15 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		err := w.Look(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			w.Logger.Warn("whether feeds have gaps cannot be seen; trying again", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look tells once of every gap that has opened or closed since the last look, unless another process does.
func (w *GapWatch) Look(ctx context.Context) error {
	lease, mine, err := w.Store.AcquireLease(ctx, gapLease, w.Holder, leaseTTL)
	if err != nil || !mine {
		return err
	}
	sources, err := w.Store.Sources(ctx)
	if err != nil {
		return err
	}
	healths, err := w.Store.SourceHealths(ctx)
	if err != nil {
		return err
	}
	states, err := w.Store.States(ctx, gapStates)
	if err != nil {
		return err
	}
	told := map[string]gapTold{}
	for _, s := range states {
		var g gapTold
		if err := json.Unmarshal(s.Blob, &g); err != nil {
			w.Logger.Warn("what was told of a feed's gap is unreadable and forgotten", "series", s.Series, "err", err)
		}
		told[s.Series] = g
	}
	byID := map[int64]surgecast.Source{}
	for _, s := range sources {
		byID[s.ID] = s
	}
	now := w.Clock().UTC()
	if w.began.IsZero() {
		w.began = now
	}
	sweep := surgecast.Sweep{At: now, Leases: []surgecast.Lease{lease}}
	var accounts []int64
	for _, h := range healths {
		src, known := byID[h.SourceID]
		if !known || src.Mode != surgecast.Increments || h.Watermark.IsZero() {
			continue // what is asked for now and then has its own pace
		}
		series := gapStates + strconv.FormatInt(src.ID, 10)
		d, after, err := w.news(ctx, src, h, told[series], now)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		blob, err := json.Marshal(after)
		if err != nil {
			return fmt.Errorf("what is told of %s: %w", src.Slug, err)
		}
		sweep.States = append(sweep.States, surgecast.ModelState{Series: series, Origin: now, Blob: blob})
		if accounts == nil {
			if accounts, err = w.Store.AccountIDs(ctx); err != nil {
				return err
			}
		}
		for _, a := range accounts { // feeds are everybody's
			sweep.Messages = append(sweep.Messages, surgecast.Message{AccountID: a, Type: surgecast.TypeSourceGap, Data: d, Timestamp: now})
		}
	}
	if len(sweep.States) == 0 {
		return nil
	}
	return w.Store.SaveSweep(ctx, sweep)
}

// news is what there is to tell of a feed; nil: nothing.
func (w *GapWatch) news(ctx context.Context, src surgecast.Source, h surgecast.SourceHealth, told gapTold, now time.Time) (*gapData, gapTold, error) {
	late := now.Sub(h.Watermark)
	stopped := h.State == surgecast.SourceStopped
	off := stopped && now.Sub(latest(h.UpdatedAt, w.began)) >= offAfter
	d := &gapData{Schema: 1, Source: src.Slug, Kind: src.Kind, Simulated: src.Simulated}
	switch open := !told.From.IsZero(); {
	case !open && !stopped && late >= w.After && late < gapNews:
		d.State, d.From, d.Reason = "open", h.Watermark.UTC(), h.LastError
		d.Headline = "Nothing counted from " + src.Slug + " since " + d.From.Format("15:04 UTC") + "."
		d.Sentence = h.Sentence(now, w.After)
		return d, gapTold{From: d.From}, nil
	case open && (off || !stopped && late < w.After):
		to := h.Watermark.UTC()
		d.State, d.From, d.To = "closed", told.From, &to
		gaps, err := w.Store.Gaps(ctx, src.ID, told.From)
		if err != nil {
			return nil, told, err
		}
		missing := 0.
		for _, g := range gaps {
			if g.From.Before(told.From) {
				g.From = told.From
			}
			missing += math.Max(0, math.Ceil(g.To.Sub(g.From).Minutes()))
		}
		d.MissingMinutes = &missing
		d.Headline = src.Slug + " is counted again."
		switch {
		case off:
			d.Headline, d.Sentence = src.Slug+" is no longer counted.", "It was switched off."
		case missing == 0:
			d.Sentence = "What was said meanwhile was read afterwards; nothing is missing."
		case missing == 1:
			d.Sentence = "1 minute is missing: it is not zero."
		default:
			d.Sentence = strconv.Itoa(int(missing)) + " minutes are missing: they are not zero."
		}
		return d, gapTold{}, nil
	}
	return nil, told, nil
}
