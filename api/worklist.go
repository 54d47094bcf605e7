package api

import (
	"cmp"
	"math"
	"slices"
	"time"

	"surgecast"
)

// SiteStatus is where a site stands, as one row of the worklist.
type SiteStatus struct {
	State            string      `json:"state"`
	Verdict          VerdictBody `json:"verdict"`
	ActBy            *time.Time  `json:"act_by"`
	Probability6h    Number      `json:"probability_6h" doc:"Chance of passing the capacity within 6 hours"`
	AtStake          Number      `json:"at_stake" doc:"What waiting risks: chance × expected loss; null without costs"`
	Currency         string      `json:"currency,omitempty"`
	Origin           *time.Time  `json:"origin"`
	IssuedAt         *time.Time  `json:"issued_at"`
	ValidUntil       *time.Time  `json:"valid_until"`
	Stale            bool        `json:"stale"`
	SurgeID          *string     `json:"surge_id"`
	SurgeSince       *time.Time  `json:"surge_since"`
	TakenBy          string      `json:"taken_by,omitempty" doc:"Who said: I have it"`
	TakenNote        string      `json:"taken_note,omitempty"`
	MutedUntil       *time.Time  `json:"muted_until,omitempty" doc:"Messages to people are silent until then; the scaler never is"`
	UnitsNow         int         `json:"units_now"`
	UnitsRecommended *int        `json:"units_recommended"`
	SparkRPM         []Rate      `json:"spark_rpm" doc:"Median expected demand of each of the next 24 hours"`
}

// statusOf is where a site stands at now.
func (s *Server) statusOf(st standing, now time.Time) SiteStatus {
	f := st.total()
	v := s.verdict(st, f, now)
	out := SiteStatus{
		State: string(v.State), Verdict: verdictBody(v),
		Probability6h: Number(math.NaN()), AtStake: Number(math.NaN()), Currency: st.site.Capacity.Currency,
		UnitsNow: st.site.Capacity.Units, SparkRPM: rates(st.spark), Stale: true,
	}
	if st.surge != nil {
		out.SurgeID, out.SurgeSince = text(st.surge.ID), maybe(st.surge.OpenedAt)
		out.mark(st, now)
	}
	if f == nil {
		return out
	}
	out.Origin, out.IssuedAt, out.ValidUntil = maybe(f.Origin), maybe(f.IssuedAt), maybe(f.ValidUntil)
	out.Stale = stale(f, now)
	out.UnitsNow = f.Units
	if expired(f, now) {
		return out // a forecast past its end claims nothing
	}
	out.ActBy = maybe(f.ActBy)
	out.Probability6h = Number(riskAt(f, 360))
	if c := st.site.Capacity; c.CostLostRequest > 0 || c.CostIdleUnitHour > 0 {
		out.AtStake = Number(f.Recommendation.CostWaiting)
	}
	if f.State != surgecast.StateCannotTell {
		units := f.Recommendation.WouldBeUnits
		out.UnitsRecommended = &units
	}
	return out
}

func riskAt(f *surgecast.SiteForecast, minutes int) float64 {
	i := slices.Index(f.HorizonMinutes, minutes)
	if i < 0 || i >= len(f.Risk) {
		return math.NaN()
	}
	return f.Risk[i]
}

// rank is the order of UX 2.1: over capacity, alert by act-by, unknown, watch by chance × value at
// risk, recovery, calm.
func rank(state surgecast.State) int {
	switch state {
	case surgecast.StateOver:
		return 0
	case surgecast.StateAlert, surgecast.StateFailing:
		return 1
	case surgecast.StateCannotTell:
		return 2
	case surgecast.StateWatch:
		return 3
	case surgecast.StateRecovery:
		return 4
	case surgecast.StateLearning:
		return 5
	case surgecast.StateCalm:
		return 6
	}
	return 2 // a state nobody knows is unknown, never calm
}

type workRow struct {
	slug   string
	status SiteStatus
	st     standing
}

func byNeed(a, b workRow) int {
	sa, sb := surgecast.State(a.status.State), surgecast.State(b.status.State)
	order := cmp.Compare(rank(sa), rank(sb))
	if order != 0 {
		return order
	}
	switch rank(sa) {
	case 1:
		order = byActBy(a.status.ActBy, b.status.ActBy)
	case 0, 3, 4:
		order = cmp.Or(falling(a.status.AtStake, b.status.AtStake), falling(a.status.Probability6h, b.status.Probability6h))
	case 6:
		order = falling(a.status.Probability6h, b.status.Probability6h)
	}
	return cmp.Or(order, cmp.Compare(a.slug, b.slug))
}

// byActBy: the sooner the decision, the higher; an alert without an act-by (already too late for any
// remedy) comes first.
func byActBy(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return a.Compare(*b)
}

// falling: the larger first, unknown last.
func falling(a, b Number) int {
	an, bn := math.IsNaN(float64(a)), math.IsNaN(float64(b))
	switch {
	case an && bn:
		return 0
	case an:
		return 1
	case bn:
		return -1
	}
	return cmp.Compare(b, a)
}

func (s *Server) worklist(who identity, in *sitesIn, now time.Time) (*sitesOut, error) {
	p, err := in.page("worklist")
	if err != nil {
		return nil, err
	}
	all := s.memory.all(who.account)
	rows := make([]workRow, 0, len(all))
	for _, st := range all {
		if who.sees(st.site.ID) {
			rows = append(rows, workRow{st.site.Slug, s.statusOf(st, now), st})
		}
	}
	slices.SortStableFunc(rows, byNeed)
	if p.After != "" {
		i := slices.IndexFunc(rows, func(r workRow) bool { return r.slug == p.After })
		rows = rows[i+1:] // a site deleted meanwhile: begin again rather than leave anything out
	}
	out := &sitesOut{Body: SitesBody{Now: now, Items: []SiteBody{}}}
	for i, r := range rows {
		if i == p.Limit {
			out.Body.Next = cursor("worklist", rows[i-1].slug)
			break
		}
		b := siteBody(r.st.site)
		b.Status = &r.status
		out.Body.Items = append(out.Body.Items, b)
	}
	return out, nil
}
