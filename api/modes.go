package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"surgecast"
)

// ModesBody is who changed how far a site is trusted, and what its last judged week came to.
type ModesBody struct {
	Mode     string           `json:"mode"`
	Since    *time.Time       `json:"since"`
	LastWeek *WeekBody        `json:"last_week" doc:"The last week the site was judged by while in act; null: it never was"`
	Items    []ModeChangeBody `json:"items"`
	Next     string           `json:"next,omitempty" doc:"Cursor of the next part: send it as after; absent at the end"`
}

// ModeChangeBody is one change of the mode.
type ModeChangeBody struct {
	At   time.Time `json:"at"`
	From string    `json:"from" enum:"shadow,advise,act"`
	To   string    `json:"to" enum:"shadow,advise,act"`
	By   string    `json:"by" doc:"Name of the key, or ledger"`
	Why  string    `json:"why" doc:"The ledger's words; empty: a person changed it"`
	Week *WeekBody `json:"week" doc:"The figures behind them"`
}

// WeekBody is what the ledger shows of the forecasts of some days.
type WeekBody struct {
	JudgedAt       *time.Time `json:"judged_at,omitempty"`
	From           time.Time  `json:"from"`
	To             time.Time  `json:"to"`
	Outcome        string     `json:"outcome" enum:"good,bad,cannot_tell"`
	HorizonMinutes int        `json:"horizon_minutes" doc:"Length of an occasion: one forecast, and the highest demand of so many minutes after it. 0: none suits the lead time"`
	Occasions      int        `json:"occasions" doc:"Those with enough minutes known; they share none"`
	TooLow         MissesBody `json:"too_low" doc:"The highest demand lay above what 19 in 20 were to stay under"`
	TooHigh        MissesBody `json:"too_high" doc:"It lay below what 19 in 20 were to pass"`
	Unannounced    MissesBody `json:"unannounced" doc:"Demand passed capacity after a chance below 10 % was said"`
}

// MissesBody is how often forecasts were wrong in one way.
type MissesBody struct {
	Times    int     `json:"times"`
	Of       int     `json:"of" doc:"Occasions that could show it"`
	Expected float64 `json:"expected" doc:"Times it may happen to forecasts that are right"`
	Chance   float64 `json:"chance" doc:"Of so many times or more if it happened twice as often as expected"`
	Bad      bool    `json:"bad"`
}

type (
	modesIn struct {
		SitePath
		PageQuery
	}
	modesOut struct{ Body ModesBody }
)

func (s *Server) modes(ctx context.Context, in *modesIn) (*modesOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	p, err := in.page("modes")
	if err != nil {
		return nil, err
	}
	changes, next, err := s.c.Store.ModeChanges(ctx, site.ID, p)
	if err != nil {
		return nil, fmt.Errorf("listing the modes of %s: %w", in.Site, err)
	}
	b := ModesBody{Mode: string(site.Mode), Since: maybe(site.ModeSince), Items: []ModeChangeBody{}, Next: cursor("modes", next)}
	for _, c := range changes {
		x := ModeChangeBody{At: c.At.UTC(), From: string(c.From), To: string(c.To), By: c.By, Why: c.Why}
		if c.Week != nil {
			x.Week = weekBody(*c.Week, time.Time{})
		}
		b.Items = append(b.Items, x)
	}
	switch w, at, err := s.c.Store.LastWeek(ctx, site.ID); {
	case err == nil:
		b.LastWeek = weekBody(w, at)
	case !errors.Is(err, surgecast.ErrNotFound):
		return nil, fmt.Errorf("reading the last week of %s: %w", in.Site, err)
	}
	return &modesOut{b}, nil
}

func weekBody(w surgecast.Week, judgedAt time.Time) *WeekBody {
	return &WeekBody{
		JudgedAt: maybe(judgedAt), From: w.From.UTC(), To: w.To.UTC(), Outcome: string(w.Outcome), HorizonMinutes: w.HorizonMinutes, Occasions: w.Occasions,
		TooLow: MissesBody(w.TooLow), TooHigh: MissesBody(w.TooHigh), Unannounced: MissesBody(w.Unannounced),
	}
}
