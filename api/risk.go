package api

import (
	"context"
	"math"
	"time"

	"surgecast"
)

// RiskBody is how likely the site is to be overwhelmed, by when to act, and the words for it.
type RiskBody struct {
	Site         string `json:"site"`
	Name         string `json:"name"`
	Segment      string `json:"segment"`
	Simulated    bool   `json:"simulated"`
	ForecastHead        // when and by what

	State   string      `json:"state" doc:"calm, watch, alert, over_capacity, recovery, failing, cannot_tell or learning"`
	Level   string      `json:"level" doc:"calm, watch or alert: how loudly to say it; unknown when nothing is known"`
	Verdict VerdictBody `json:"verdict"`

	CapacityRPM  Rate         `json:"capacity_rpm"`
	Units        int          `json:"units"`
	DemandRPM    Rate         `json:"demand_rpm"`
	Risk         []RiskPoint  `json:"risk" doc:"Chance that sustained demand passes the capacity within so many minutes"`
	Grid         RiskGrid     `json:"grid"`
	TimeToBreach []BreachTime `json:"time_to_breach"`

	ActBy         *time.Time `json:"act_by" doc:"Last moment a decision still serves before the early end of the breach (1 case in 10). Once past it stays where it first passed: act now"`
	ActByReason   string     `json:"act_by_reason" doc:"Why there is none"`
	LateBySeconds int        `json:"late_by_seconds" doc:"Since act_by passed; 0: it has not"`

	PeakDotsRPM       []Rate   `json:"peak_dots_rpm" doc:"20 equally likely highest demands"`
	BreachDotsMinutes []Number `json:"breach_dots_minutes" doc:"20 equally likely first breaches from the origin; null: not by then"`

	Drivers  []Driver   `json:"drivers"`
	Degraded []string   `json:"degraded" doc:"Inputs that were missing"`
	ModeWhy  string     `json:"mode_why,omitempty" doc:"Why the ledger took the site from act to advise"`
	Surge    *SurgeHead `json:"surge"`
}

// RiskPoint is one point of the risk curve.
type RiskPoint struct {
	HorizonMinutes int    `json:"horizon_minutes"`
	Probability    Number `json:"probability"`
}

// RiskGrid is the risk over capacities: what fewer or more units would change.
type RiskGrid struct {
	CapacityRPM    []Rate     `json:"capacity_rpm"`
	HorizonMinutes []int      `json:"horizon_minutes"`
	Probability    [][]Number `json:"probability" doc:"[horizon][capacity]"`
}

// BreachTime is the smallest horizon whose risk reaches a probability; null: not within 24 h.
type BreachTime struct {
	Probability float64 `json:"probability"`
	Minutes     Number  `json:"minutes"`
}

// Driver is what part of the traffic goes along with what.
type Driver struct {
	Source          string `json:"source"`
	Share           Number `json:"share" doc:"Of the visits now"`
	ShareLow        Number `json:"share_low" doc:"Central 80 %; a band wider than 0.3 means: cannot tell"`
	ShareHigh       Number `json:"share_high"`
	DoublingMinutes Number `json:"doubling_minutes" doc:"In which its mentions double; null: no growth that can be told from noise"`
	Decay           string `json:"decay,omitempty" doc:"How its mentions fall after a peak: news, viral or word_of_mouth"`
}

// SurgeHead is the open episode.
type SurgeHead struct {
	ID         string     `json:"id"`
	State      string     `json:"state"`
	OpenedAt   *time.Time `json:"opened_at"`
	AlertAt    *time.Time `json:"alert_at"`
	TakenBy    string     `json:"taken_by,omitempty" doc:"Who said: I have it"`
	TakenNote  string     `json:"taken_note,omitempty"`
	MutedUntil *time.Time `json:"muted_until,omitempty"`
}

type (
	riskIn struct {
		SitePath
		SegmentQuery
	}
	riskOut struct{ Body RiskBody }
)

func (s *Server) risk(ctx context.Context, in *riskIn) (*riskOut, error) {
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	f, err := st.of(in.Segment)
	if err != nil {
		return nil, err
	}
	return &riskOut{s.riskBody(st, f, in.Segment, s.now())}, nil
}

func (s *Server) riskBody(st standing, f *surgecast.SiteForecast, segment string, now time.Time) RiskBody {
	v := s.verdict(st, f, now)
	b := RiskBody{
		Site: st.site.Slug, Name: st.site.Name, Segment: segment, Simulated: st.site.Simulated, ModeWhy: st.site.ModeWhy, ForecastHead: head(f, now),
		State: string(v.State), Level: level(v.State), Verdict: verdictBody(v),
		CapacityRPM: Rate(unknownIfZero(st.site.Capacity.RPM())), Units: st.site.Capacity.Units, DemandRPM: Rate(math.NaN()),
		Risk: []RiskPoint{}, Grid: RiskGrid{CapacityRPM: []Rate{}, HorizonMinutes: []int{}, Probability: [][]Number{}},
		TimeToBreach: []BreachTime{}, PeakDotsRPM: []Rate{}, BreachDotsMinutes: []Number{}, Drivers: []Driver{}, Degraded: []string{},
	}
	if st.surge != nil {
		b.Surge = &SurgeHead{ID: st.surge.ID, State: string(st.surge.State), OpenedAt: maybe(st.surge.OpenedAt), AlertAt: maybe(st.surge.AlertAt)}
		var marked SiteStatus
		marked.mark(st, now)
		b.Surge.TakenBy, b.Surge.TakenNote, b.Surge.MutedUntil = marked.TakenBy, marked.TakenNote, marked.MutedUntil
	}
	switch {
	case f == nil:
		b.ActByReason = "There is no forecast yet."
		return b
	case expired(f, now):
		b.ActByReason = "The last forecast no longer counts."
		b.Units = f.Units
		b.CapacityRPM = Rate(unknownIfZero(f.CapacityRPM))
		return b
	}
	b.CapacityRPM, b.Units, b.DemandRPM = Rate(unknownIfZero(f.CapacityRPM)), f.Units, Rate(f.DemandRPM)
	for i, h := range f.HorizonMinutes {
		if i < len(f.Risk) {
			b.Risk = append(b.Risk, RiskPoint{h, Number(f.Risk[i])})
		}
	}
	if len(f.RiskGrid) > 0 {
		b.Grid.CapacityRPM, b.Grid.HorizonMinutes = rates(f.GridRPM), f.HorizonMinutes
		for _, row := range f.RiskGrid {
			b.Grid.Probability = append(b.Grid.Probability, numbers(row))
		}
	}
	for i, p := range surgecast.TimeToBreachLevels {
		if i < len(f.TimeToBreachMinutes) {
			b.TimeToBreach = append(b.TimeToBreach, BreachTime{p, Number(f.TimeToBreachMinutes[i])})
		}
	}
	b.ActBy, b.ActByReason, b.LateBySeconds = maybe(f.ActBy), f.ActByReason, f.LateBySeconds
	b.PeakDotsRPM, b.BreachDotsMinutes = rates(f.PeakDotsRPM), numbers(f.BreachDotsMinutes)
	b.Degraded = append(b.Degraded, f.Degraded...)
	for _, d := range f.Drivers {
		b.Drivers = append(b.Drivers, Driver{d.Name, Number(d.Share), Number(d.Low), Number(d.High), Number(unknownIfZero(d.DoublingMinutes)), d.Decay})
	}
	return b
}

func level(state surgecast.State) string {
	switch state {
	case surgecast.StateCalm, surgecast.StateLearning:
		return "calm"
	case surgecast.StateWatch, surgecast.StateRecovery:
		return "watch"
	case surgecast.StateAlert, surgecast.StateOver, surgecast.StateFailing:
		return "alert"
	case surgecast.StateCannotTell:
	}
	return "unknown"
}
