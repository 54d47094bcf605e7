package api

import (
	"context"
	"time"

	"surgecast"
)

// CapacityAnswer is how many units the site needs, now and over the next hours, and why.
type CapacityAnswer struct {
	Site string `json:"site"`
	ForecastHead
	Mode           string              `json:"mode"`
	Frozen         bool                `json:"frozen" doc:"All acting is stopped"`
	UnitsNow       int                 `json:"units_now"`
	MinUnits       int                 `json:"min_units"`
	MaxUnits       int                 `json:"max_units" doc:"0: no cap"`
	RPMPerUnit     Rate                `json:"rpm_per_unit" doc:"What each of the units configured serves: stated, measured, or worked out of workers_per_unit and service_seconds"`
	CapacityRPM    Rate                `json:"capacity_rpm" doc:"What units_now serve"`
	Measured       *MeasuredNowBody    `json:"measured" doc:"What load tests tell of capacity_rpm; null: the figure was set by hand"`
	Recommendation *RecommendationBody `json:"recommendation" doc:"null when nothing is known, or no longer"`
	Override       *OverrideBody       `json:"override"`
}

// MeasuredNowBody is how well load tests know what the units now serve.
type MeasuredNowBody struct {
	LowRPM         Rate `json:"low_rpm" doc:"Interval of capacity_rpm, low end"`
	HighRPM        Rate `json:"high_rpm" doc:"High end; null: no test reached the limit with so many units, so it may be more"`
	TestedMaxUnits int  `json:"tested_max_units" doc:"By a curve nothing is claimed beyond it: more units count as these"`
	Curve          bool `json:"curve" doc:"units and requests a minute are turned into each other by a measured curve"`
}

func measuredNow(c surgecast.CapacityProfile, units int) *MeasuredNowBody {
	if c.Measured == nil {
		return nil
	}
	low, high := c.ServesBetween(units)
	return &MeasuredNowBody{Rate(low), Rate(high), c.Measured.TestedMax, c.Measured.Curve != nil}
}

// RecommendationBody is what to do, and why.
type RecommendationBody struct {
	ID            string     `json:"id"`
	Sequence      int64      `json:"sequence"`
	Units         int        `json:"units" doc:"What /scale answers"`
	WouldBeUnits  int        `json:"would_be_units" doc:"What it would answer had it been in mode act all along; after a switch to act the answer goes on from what runs"`
	ServesRPM     Rate       `json:"serves_rpm" doc:"Requests a minute would_be_units serve; null: unknown"`
	PreviousUnits int        `json:"previous_units"`
	MinUnits      int        `json:"min_units"`
	MaxUnits      int        `json:"max_units"`
	DemandRPM     Rate       `json:"demand_rpm" doc:"The quantile of the highest demand the units are for"`
	Alpha         Number     `json:"alpha" doc:"That quantile's level"`
	WindowMinutes [2]int     `json:"window_minutes" doc:"What a decision taken now can serve"`
	Reason        string     `json:"reason"`
	Detail        string     `json:"detail"`
	IssuedAt      *time.Time `json:"issued_at"`
	ValidUntil    *time.Time `json:"valid_until"`
	CostActing    Number     `json:"cost_acting"`
	CostWaiting   Number     `json:"cost_waiting"`
	Plan          []PlanStep `json:"plan"`
}

// PlanStep is one step of the units over time.
type PlanStep struct {
	At        time.Time `json:"at"`
	Units     int       `json:"units"`
	ServesRPM Rate      `json:"serves_rpm" doc:"Requests a minute they serve; null: unknown"`
}

type capacityOut struct{ Body CapacityAnswer }

func (s *Server) capacity(ctx context.Context, in *SitePath) (*capacityOut, error) {
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	now := s.now()
	f := st.total()
	c := st.site.Capacity
	b := CapacityAnswer{
		Site: st.site.Slug, ForecastHead: head(f, now), Mode: string(st.site.Mode), Frozen: s.memory.isFrozen(st.site.AccountID),
		UnitsNow: c.Units, MinUnits: c.MinUnits, MaxUnits: c.MaxUnits,
		RPMPerUnit: Rate(unknownIfZero(c.Each())), CapacityRPM: Rate(unknownIfZero(c.RPM())),
	}
	if holds(st.override, now) {
		o := overrideBody(*st.override)
		b.Override = &o
	}
	if f != nil {
		b.UnitsNow, b.CapacityRPM = f.Units, Rate(unknownIfZero(f.CapacityRPM))
		if !expired(f, now) && f.State != surgecast.StateCannotTell {
			b.Recommendation = recommendationBody(c, f.Recommendation)
		}
	}
	b.Measured = measuredNow(c, b.UnitsNow)
	return &capacityOut{b}, nil
}

func recommendationBody(c surgecast.CapacityProfile, r surgecast.Recommendation) *RecommendationBody {
	b := &RecommendationBody{
		ID: r.ID, Sequence: r.Sequence, Units: r.Units, WouldBeUnits: r.WouldBeUnits, PreviousUnits: r.PreviousUnits,
		MinUnits: r.MinUnits, MaxUnits: r.MaxUnits, DemandRPM: Rate(r.DemandRPM), Alpha: Number(r.Alpha), WindowMinutes: r.WindowMinutes,
		Reason: r.Reason, Detail: r.Detail, IssuedAt: maybe(r.IssuedAt), ValidUntil: maybe(r.ValidUntil),
		CostActing: Number(r.CostActing), CostWaiting: Number(r.CostWaiting), Plan: []PlanStep{},
	}
	b.ServesRPM = Rate(unknownIfZero(c.Serves(r.WouldBeUnits)))
	for _, p := range r.Plan {
		b.Plan = append(b.Plan, PlanStep{p.At.UTC(), p.Units, Rate(unknownIfZero(c.Serves(p.Units)))})
	}
	return b
}
