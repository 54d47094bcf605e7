package api

import (
	"context"
	"net/http"
	"time"

	"surgecast"
)

// Reviewer lays what was forecast of a surge beside what came; review.Build behind a function.
type Reviewer func(ctx context.Context, site surgecast.Site, surge surgecast.Surge, transitions []surgecast.SurgeTransition, now time.Time) (ReviewBody, error)

// ReviewBody is one surge in hindsight: what was said when, what came, and what simple rules would have
// done with the same minutes.
type ReviewBody struct {
	Surge     SurgeBody `json:"surge"`
	Site      string    `json:"site"`
	Name      string    `json:"name"`
	TimeZone  string    `json:"time_zone"`
	Simulated bool      `json:"simulated"`
	Now       time.Time `json:"now"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Open      bool      `json:"open" doc:"Still running: numbers change"`

	Headline  string   `json:"headline"`
	Sentences []string `json:"sentences"`
	Notes     []string `json:"notes" doc:"How to read the numbers, and what they do not show"`

	CapacityRPM    Rate             `json:"capacity_rpm"`
	Currency       string           `json:"currency"`
	Came           []HistoryPoint   `json:"came"`
	Said           []SaidBody       `json:"said" doc:"Forecasts of the window, thinned; ask /forecast?as_of= for their bands"`
	Transitions    []TransitionBody `json:"transitions"`
	Rules          []RuleBody       `json:"rules" doc:"Ours first. Estimated by replay with the same traffic; visitors who leave change traffic"`
	MissingMinutes int              `json:"missing_minutes"`
	Receipt        ReceiptBody      `json:"receipt"`
}

// SaidBody is one row of the ledger in short.
type SaidBody struct {
	ForecastID  string    `json:"forecast_id"`
	Origin      time.Time `json:"origin"`
	IssuedAt    time.Time `json:"issued_at"`
	State       string    `json:"state"`
	Probability Number    `json:"probability" doc:"Of passing the capacity within the verdict's window"`
	Horizon     int       `json:"horizon_minutes"`
	Headline    string    `json:"headline"`
}

// RuleBody is what one rule would have done.
type RuleBody struct {
	Rule           string `json:"rule"`
	WarningMinutes Number `json:"warning_minutes" doc:"Before capacity was passed; null: no warning, or nothing to warn of"`
	MinutesOver    int    `json:"minutes_over"`
	LostRequests   Number `json:"lost_requests"`
	UnitHours      Number `json:"unit_hours"`
	PeakUnits      int    `json:"peak_units"`
	Cost           Number `json:"cost" doc:"null: the site has no costs"`
}

// ReceiptBody names the part of the ledger the review rests on.
type ReceiptBody struct {
	ModelVersions []string `json:"model_versions"`
	SealVersions  []int    `json:"seal_versions" doc:"How the rows are sealed. 1 left out the risk grid, the levels and what the model was fed; 2 covers everything"`
	FirstID       string   `json:"first_id"`
	LastID        string   `json:"last_id"`
	LastHash      string   `json:"last_hash" doc:"Chains every row before it"`
	Broken        int      `json:"broken" doc:"Rows that do not fit their seal, or do not follow from the row before"`
}

type reviewOut struct{ Body ReviewBody }

func (s *Server) reviewRoutes() {
	op := operation("GET", "/v1/surges/{id}/review", "review-surge", "A surge in hindsight: forecast against fact")
	op.Description = "Misses and false alarms stand there like the rest. A running surge can be reviewed; its numbers still change."
	register(s, op, surgecast.ScopeRead, s.review)
}

func (s *Server) review(ctx context.Context, in *SurgePath) (*reviewOut, error) {
	surge, err := s.surgeOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if s.c.Review == nil {
		return nil, problem(http.StatusServiceUnavailable, codeNotConfigured, "this process makes no reviews", "Ask one that has the ledger.")
	}
	if surge.SiteID == 0 {
		return nil, problem(http.StatusUnprocessableEntity, codeInvalidValue, "a topic's surge has no review: nothing was forecast to be paid for", "Ask for the surge of a site the topic feeds.")
	}
	st, ok := s.memory.byID(surge.SiteID)
	if !ok {
		return nil, notFound("site", surge.Subject)
	}
	_, transitions, err := s.c.Store.SurgeByID(ctx, caller(ctx).account, in.ID)
	if err != nil {
		return nil, err
	}
	b, err := s.c.Review(ctx, st.site, surge, transitions, s.now())
	if err != nil {
		return nil, err
	}
	b.Surge, b.Open = surgeBody(surge), surge.ClosedAt.IsZero()
	b.Transitions = []TransitionBody{}
	for _, t := range transitions {
		b.Transitions = append(b.Transitions, transitionBody(t))
	}
	return &reviewOut{b}, nil
}
