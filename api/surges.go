package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"surgecast"
)

// SurgeBody is one episode of a site or a topic.
type SurgeBody struct {
	ID        string     `json:"id"`
	Subject   string     `json:"subject" doc:"Slug of the site or topic"`
	Segment   string     `json:"segment,omitempty"`
	Kind      string     `json:"kind" doc:"overload, failing or talk"`
	State     string     `json:"state"`
	OpenedAt  *time.Time `json:"opened_at"`
	AlertAt   *time.Time `json:"alert_at"`
	PeakAt    *time.Time `json:"peak_at"`
	Peak      Rate       `json:"peak" doc:"Highest demand a minute, or mentions a bucket, so far"`
	ClosedAt  *time.Time `json:"closed_at"`
	Simulated bool       `json:"simulated"`
}

// SurgeDetail is an episode with all it went through.
type SurgeDetail struct {
	SurgeBody
	Transitions []TransitionBody `json:"transitions"`
	Marks       []MarkBody       `json:"marks" doc:"What people did about it, oldest first"`
}

// TransitionBody is one change of an episode's state, in the words of then.
type TransitionBody struct {
	At          time.Time `json:"at" doc:"Minute of the data"`
	IssuedAt    time.Time `json:"issued_at" doc:"When it was decided"`
	From        string    `json:"from"`
	To          string    `json:"to"`
	Probability Number    `json:"probability"`
	Headline    string    `json:"headline"`
	Sentence    string    `json:"sentence"`
	ForecastID  string    `json:"forecast_id"`
}

type (
	surgesIn struct {
		PageQuery
		Site  string `query:"site" maxLength:"63"`
		Topic string `query:"topic" maxLength:"63"`
		Open  bool   `query:"open" doc:"Only those that have not ended"`
	}
	surgesOut struct{ Body List[SurgeBody] }
	surgeIn   struct {
		ID string `path:"id" maxLength:"60"`
	}
	surgeOut struct{ Body SurgeDetail }
)

func (s *Server) surgeRoutes() {
	register(s, operation("GET", "/v1/surges", "list-surges", "Surges, newest first"), surgecast.ScopeRead, s.listSurges)
	register(s, operation("GET", "/v1/surges/{id}", "get-surge", "One surge with its transitions"), surgecast.ScopeRead, s.getSurge)
}

func (s *Server) listSurges(ctx context.Context, in *surgesIn) (*surgesOut, error) {
	who := caller(ctx)
	p, err := in.page("surges")
	if err != nil {
		return nil, err
	}
	filter := surgecast.SurgeFilter{SiteIDs: slices.Clone(who.sites), Open: in.Open}
	if in.Site != "" {
		site, err := s.site(ctx, in.Site)
		if err != nil {
			return nil, err
		}
		filter.SiteIDs = []int64{site.ID}
	}
	if in.Topic != "" {
		t, err := s.topic(ctx, in.Topic)
		if err != nil {
			return nil, err
		}
		filter.TopicID = t.ID
	}
	surges, next, err := s.c.Store.Surges(ctx, who.account, filter, p)
	if err != nil {
		return nil, fmt.Errorf("listing surges: %w", err)
	}
	return &surgesOut{listOf("surges", surges, next, surgeBody)}, nil
}

func (s *Server) getSurge(ctx context.Context, in *surgeIn) (*surgeOut, error) {
	who := caller(ctx)
	surge, transitions, err := s.c.Store.SurgeByID(ctx, who.account, in.ID)
	switch {
	case errors.Is(err, surgecast.ErrNotFound) || err == nil && !who.sees(surge.SiteID):
		return nil, notFound("surge", in.ID)
	case err != nil:
		return nil, fmt.Errorf("reading surge %s: %w", in.ID, err)
	}
	out := &surgeOut{SurgeDetail{SurgeBody: surgeBody(surge), Transitions: []TransitionBody{}, Marks: []MarkBody{}}}
	marks, err := s.c.Store.SurgeMarks(ctx, []string{surge.ID})
	if err != nil {
		return nil, err
	}
	for _, m := range marks[surge.ID] {
		out.Body.Marks = append(out.Body.Marks, markBody(m))
	}
	for _, t := range transitions {
		out.Body.Transitions = append(out.Body.Transitions, transitionBody(t))
	}
	return out, nil
}

func surgeBody(s surgecast.Surge) SurgeBody {
	return SurgeBody{
		ID: s.ID, Subject: s.Subject, Segment: s.Segment, Kind: string(s.Kind), State: string(s.State),
		OpenedAt: maybe(s.OpenedAt), AlertAt: maybe(s.AlertAt), PeakAt: maybe(s.PeakAt), Peak: Rate(s.Peak),
		ClosedAt: maybe(s.ClosedAt), Simulated: s.Simulated,
	}
}

func transitionBody(t surgecast.SurgeTransition) TransitionBody {
	return TransitionBody{
		At: t.At.UTC(), IssuedAt: t.IssuedAt.UTC(), From: string(t.From), To: string(t.To), Probability: Number(t.Probability),
		Headline: t.Headline, Sentence: t.Sentence, ForecastID: t.ForecastID,
	}
}
