package api

import (
	"context"
	"net/http"
	"time"

	"surgecast"
)

// RungFields is what a person says of a rung.
type RungFields struct {
	Kind            string  `json:"kind" maxLength:"40" doc:"cache_rules, landing_page, waiting_room, units, load_balancer, database, people, or your own"`
	Name            string  `json:"name" maxLength:"100"`
	LeadTimeSeconds int     `json:"lead_time_seconds" minimum:"0" doc:"From decision to effect. units: at least the site's own"`
	ShedsShare      float64 `json:"sheds_share" minimum:"0" maximum:"1" required:"false" doc:"Share of demand it takes away"`
	AddsRPM         float64 `json:"adds_rpm" minimum:"0" required:"false" doc:"Capacity it adds. units: default what is recommended"`
	Instructions    string  `json:"instructions" maxLength:"2000" required:"false" doc:"What whoever does it has to do"`
}

// RungBody is a rung and where it stands.
type RungBody struct {
	RungFields
	Position      int        `json:"position"`
	Status        string     `json:"status" enum:"not_needed,by_then,now,late"`
	Probability   Number     `json:"probability" doc:"Of passing, within a day, what the rungs before it carry"`
	CapacityRPM   Rate       `json:"capacity_rpm" doc:"Carried with this rung and those before it"`
	ActBy         *time.Time `json:"act_by" doc:"Its own deadline"`
	LateBySeconds int        `json:"late_by_seconds"`
	ServesFrom    time.Time  `json:"serves_from" doc:"When it takes effect if it is done now"`
	UnwindAt      *time.Time `json:"unwind_at" doc:"When it is no longer needed; the last rung is unwound first"`
}

// LadderBody is a site's remedies, each with its own deadline.
type LadderBody struct {
	Site    string       `json:"site"`
	Now     time.Time    `json:"now"`
	IsReady bool         `json:"is_ready_made" doc:"No ladder was stored: these are rungs to choose from, with assumed figures"`
	Stale   bool         `json:"stale"`
	Rungs   []RungBody   `json:"rungs"`
	Choices []RungFields `json:"choices" doc:"Ready-made rungs; their figures are assumptions to be replaced by your own"`
}

type (
	ladderIn struct {
		SitePath
		Body struct {
			Rungs []RungFields `json:"rungs" maxItems:"20"`
		}
	}
	ladderOut struct{ Body LadderBody }
)

func (s *Server) ladderRoutes() {
	op := operation("GET", "/v1/sites/{site}/ladder", "site-ladder", "Remedies, each at its own deadline")
	op.Description = "A rung is for what the rungs before it do not carry: its deadline is the early end (1 in 10) of passing their capacity less its own lead time."
	register(s, op, surgecast.ScopeRead, s.ladder)
	register(s, operation("PUT", "/v1/sites/{site}/ladder", "put-ladder", "Replace a site's ladder"), surgecast.ScopeWrite, s.putLadder)
}

func (s *Server) ladder(ctx context.Context, in *SitePath) (*ladderOut, error) {
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	rungs, err := s.c.Store.Ladder(ctx, st.site.ID)
	if err != nil {
		return nil, err
	}
	return s.ladderBody(st, rungs)
}

func (s *Server) ladderBody(st standing, rungs []surgecast.Rung) (*ladderOut, error) {
	if s.c.Ladder == nil {
		return nil, problem(http.StatusServiceUnavailable, codeNotConfigured, "this process knows no ladders", "Ask another one.")
	}
	now := s.now()
	b := LadderBody{Site: st.site.Slug, Now: now, IsReady: len(rungs) == 0, Rungs: []RungBody{}, Choices: []RungFields{}}
	for _, r := range surgecast.ReadyRungs(st.site) {
		b.Choices = append(b.Choices, rungFields(r))
	}
	if len(rungs) == 0 {
		rungs = surgecast.ReadyRungs(st.site)
	}
	f := st.total()
	if f == nil || expired(f, now) {
		f, b.Stale = nil, true // what no longer counts sets no deadline
	} else {
		b.Stale = stale(f, now)
	}
	for i, r := range s.c.Ladder(st.site, f, rungs, now) {
		x := RungBody{
			RungFields: rungFields(r.Rung), Position: i + 1, Status: r.Status, Probability: Number(r.Probability), CapacityRPM: Rate(unknownIfZero(r.CapacityRPM)),
			ActBy: maybe(r.ActBy), LateBySeconds: r.LateBySeconds, ServesFrom: r.ServesFrom, UnwindAt: maybe(r.UnwindAt),
		}
		b.Rungs = append(b.Rungs, x)
	}
	return &ladderOut{b}, nil
}

func (s *Server) putLadder(ctx context.Context, in *ladderIn) (*ladderOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	rungs := make([]surgecast.Rung, 0, len(in.Body.Rungs))
	for i, r := range in.Body.Rungs {
		g := surgecast.Rung{
			Position: i + 1, Kind: r.Kind, Name: r.Name, LeadTimeSeconds: r.LeadTimeSeconds,
			ShedsShare: r.ShedsShare, AddsRPM: r.AddsRPM, Instructions: r.Instructions,
		}
		if err := g.Check(); err != nil {
			return nil, err
		}
		rungs = append(rungs, g)
	}
	if rungs, err = s.c.Store.SetLadder(ctx, site, rungs); err != nil {
		return nil, err
	}
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	return s.ladderBody(st, rungs)
}

func rungFields(r surgecast.Rung) RungFields {
	return RungFields{Kind: r.Kind, Name: r.Name, LeadTimeSeconds: r.LeadTimeSeconds, ShedsShare: r.ShedsShare, AddsRPM: r.AddsRPM, Instructions: r.Instructions}
}
