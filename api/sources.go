package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"surgecast"
)

// SourceBody is one feed of mentions and how it is doing.
type SourceBody struct {
	Source      string `json:"source"`
	Kind        string `json:"kind"`
	Mode        string `json:"mode" doc:"increments or absolute"`
	StepSeconds int    `json:"step_seconds"`
	Simulated   bool   `json:"simulated"`

	Health *SourceHealth `json:"health" doc:"null: nothing reads it here; it is pushed, imported or simulated"`
	Gaps   []GapBody     `json:"gaps" doc:"What it lost in the last 24 hours: missing, not zero"`
}

// SourceHealth is how a feed is doing, as its reader last said.
type SourceHealth struct {
	State            string           `json:"state"`
	Since            time.Time        `json:"since" doc:"When it entered the state"`
	Sentence         string           `json:"sentence" doc:"The same in words"`
	Warning          string           `json:"warning,omitempty" doc:"What is wrong although the connection stands"`
	LastError        string           `json:"last_error,omitempty"`
	LastEventAt      *time.Time       `json:"last_event_at"`
	Watermark        *time.Time       `json:"watermark" doc:"Minutes before it are complete"`
	LagSeconds       Number           `json:"lag_seconds"`
	EventsPerSecond  Number           `json:"events_per_second"`
	Events           int64            `json:"events"`
	Mentions         int64            `json:"mentions"`
	Duplicates       int64            `json:"duplicates"`
	Reconnects       int64            `json:"reconnects"`
	GapSeconds       Number           `json:"gap_seconds" doc:"Of the last 24 hours"`
	Dropped          map[string]int64 `json:"dropped" doc:"By reason"`
	ApproximateUntil *time.Time       `json:"approximate_until,omitempty" doc:"Organic and authors lack part of their memory until then"`
	SpentUSD         Number           `json:"spent_usd" doc:"This month; null: it costs nothing"`
	UpdatedAt        time.Time        `json:"updated_at"`
}

// GapBody is what a feed lost.
type GapBody struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
}

// TrafficSource is how the reader of one site's traffic is doing.
type TrafficSource struct {
	Site       string     `json:"site"`
	Kind       string     `json:"kind" doc:"prometheus or accesslog"`
	State      string     `json:"state"`
	Sentence   string     `json:"sentence"`
	LastMinute *time.Time `json:"last_minute"`
	Warning    string     `json:"warning,omitempty"`
	Error      string     `json:"error,omitempty"`
}

// SourcesBody is every feed, and every reader of traffic this process runs.
type SourcesBody struct {
	Now     time.Time       `json:"now"`
	Items   []SourceBody    `json:"items"`
	Traffic []TrafficSource `json:"traffic"`
}

type sourcesOut struct{ Body SourcesBody }

// healthOld is after how long a reader that says nothing is said to have stopped: it speaks every ten seconds.
const healthOld = 2 * time.Minute

func (s *Server) sourceRoutes() {
	op := operation("GET", "/v1/sources", "list-sources", "Feeds of mentions and readers of traffic: health, lag, gaps, spend")
	register(s, op, surgecast.ScopeRead, s.listSources)
}

func (s *Server) listSources(ctx context.Context, _ *struct{}) (*sourcesOut, error) {
	who := caller(ctx)
	all, err := s.c.Store.Sources(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing sources: %w", err)
	}
	healths, err := s.c.Store.SourceHealths(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	out := &sourcesOut{SourcesBody{Now: now, Items: []SourceBody{}, Traffic: []TrafficSource{}}}
	for _, src := range all {
		if foreignSource(src.Slug, who.account) {
			continue
		}
		b := SourceBody{
			Source: publicSource(src.Slug, who.account), Kind: string(src.Kind), Mode: string(src.Mode), StepSeconds: src.StepSeconds,
			Simulated: src.Simulated, Gaps: []GapBody{},
		}
		if i := slices.IndexFunc(healths, func(h surgecast.SourceHealth) bool { return h.SourceID == src.ID }); i >= 0 {
			b.Health = sourceHealth(healths[i], now)
			gaps, err := s.c.Store.Gaps(ctx, src.ID, now.Add(-24*time.Hour))
			if err != nil {
				return nil, err
			}
			for _, g := range gaps {
				b.Gaps = append(b.Gaps, GapBody{g.From, g.To, g.Reason})
			}
		}
		out.Body.Items = append(out.Body.Items, b)
	}
	if s.c.TrafficSources != nil && len(who.sites) == 0 {
		out.Body.Traffic = append(out.Body.Traffic, s.c.TrafficSources(now)...)
	}
	return out, nil
}

func sourceHealth(h surgecast.SourceHealth, now time.Time) *SourceHealth {
	b := &SourceHealth{
		State: string(h.State), Since: h.Since, Sentence: h.Sentence(now, healthOld), Warning: h.Warning, LastError: h.LastError, LastEventAt: maybe(h.LastEventAt), Watermark: maybe(h.Watermark),
		LagSeconds: Number(h.LagSeconds), EventsPerSecond: Number(h.PerSecond), Events: h.Events, Mentions: h.Mentions, Duplicates: h.Duplicates,
		Reconnects: h.Reconnects, GapSeconds: Number(h.GapSeconds), Dropped: h.Dropped, ApproximateUntil: maybe(h.ApproximateUntil), SpentUSD: Number(unknownIfZero(float64(h.SpentMillicents) / 100_000)),
		UpdatedAt: h.UpdatedAt,
	}
	if b.Dropped == nil {
		b.Dropped = map[string]int64{}
	}
	return b
}
