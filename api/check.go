package api

import (
	"context"
	"math"
	"net/http"
	"time"

	"surgecast"
)

// Checker answers what a text does to a site, from stored state; engine.Check behind a function, so that
// the API computes no forecast.
type Checker func(ctx context.Context, site surgecast.Site, text string) (surgecast.CheckAnswer, error)

// CheckNew is a marketer's question.
type CheckNew struct {
	Text string `json:"text" minLength:"1" maxLength:"500" doc:"A topic's slug, or what is being said: terms with commas between"`
	Site string `json:"site" maxLength:"63" doc:"Slug of the site it may bring visits to"`
}

// CheckBody is the answer: the words, and the numbers they were made from.
type CheckBody struct {
	Site     string               `json:"site"`
	Name     string               `json:"name"`
	Now      time.Time            `json:"now"`
	Word     surgecast.CheckWord  `json:"word" enum:"gift,both,threat,not_noticeable,cannot_tell"`
	State    surgecast.State      `json:"state" doc:"State of the site"`
	Headline string               `json:"headline"`
	Sentence string               `json:"sentence"`
	Caveats  []string             `json:"caveats"`
	Basis    surgecast.CheckBasis `json:"basis" enum:"counted,recent,prior" doc:"counted: the topic's own counts; recent: counts of the last hours; prior: nothing was counted"`

	Topic           string        `json:"topic" doc:"Slug; empty: nobody counts it yet"`
	Linked          bool          `json:"linked" doc:"The topic feeds the site's forecast"`
	MentionsNow     Number        `json:"mentions_per_minute" doc:"Sum of the sources in counted that say summed"`
	MentionsUsual   Number        `json:"usual_mentions_per_minute"`
	TimesUsual      Number        `json:"times_usual"`
	DoublingMinutes Number        `json:"doubling_minutes" doc:"null: not growing, or cannot tell"`
	Until           time.Time     `json:"until" doc:"What the numbers below speak of"`
	Extra           CheckExtra    `json:"extra_requests"`
	Probability     Number        `json:"probability" doc:"That capacity is passed by then"`
	Alone           Number        `json:"probability_alone" doc:"The same by the site's own forecast, without a topic that is not linked; null: the topic is part of it"`
	VisitsBasis     string        `json:"visits_basis" enum:"own,similar_sites" doc:"What extra_requests and probability take a mention to bring. similar_sites: no visit here was traced to the topic, and no verdict rests on that alone"`
	CapacityRPM     Rate          `json:"capacity_rpm"`
	Counted         []CheckSource `json:"counted"`
	Simulated       bool          `json:"simulated"`
	TimeZone        string        `json:"time_zone"`
}

// CheckExtra are requests beyond the usual; 16 of 20 such cases lie between low and high.
type CheckExtra struct {
	Low    Number `json:"low"`
	Median Number `json:"median"`
	High   Number `json:"high"`
}

// CheckSource is how long a source has counted the topic.
type CheckSource struct {
	Source  string    `json:"source"`
	Since   time.Time `json:"since"`
	Through time.Time `json:"through"`
	Summed  bool      `json:"summed" doc:"Part of mentions_per_minute: posts of networks that do not share them. Others are signals of their own, never added"`
}

type (
	checkIn  struct{ Body CheckNew }
	checkOut struct{ Body CheckBody }
)

func (s *Server) checkRoutes() {
	op := operation("POST", "/v1/check", "check", "What a topic does to a site, as one verdict")
	op.Description = "Answered from what is stored, within a second. A text that is not counted yet gets the word cannot_tell, never a guess."
	register(s, op, surgecast.ScopeRead, s.check)
}

func (s *Server) check(ctx context.Context, in *checkIn) (*checkOut, error) {
	site, err := s.site(ctx, in.Body.Site)
	if err != nil {
		return nil, err
	}
	if s.c.Check == nil {
		return nil, problem(http.StatusServiceUnavailable, codeNotConfigured, "this process does not answer checks", "Ask one that runs the engine, or run `forecaster check`.")
	}
	a, err := s.c.Check(ctx, site, in.Body.Text)
	if err != nil {
		return nil, err
	}
	b := CheckBody{
		Site: site.Slug, Name: site.Name, Now: a.At, Word: a.Word, State: a.State, Headline: a.Headline, Sentence: a.Sentence, Caveats: append([]string{}, a.Caveats...),
		Basis: a.Basis, Topic: a.Topic, Linked: a.Linked, MentionsNow: Number(a.MentionsNow), MentionsUsual: Number(a.MentionsUsual), TimesUsual: Number(a.TimesUsual),
		DoublingMinutes: Number(a.DoublingMinutes), Until: a.Until, Probability: Number(a.Probability), CapacityRPM: Rate(a.CapacityRPM),
		Extra: CheckExtra{Number(a.ExtraVisits[0]), Number(a.ExtraVisits[1]), Number(a.ExtraVisits[2])},
		Alone: Number(math.NaN()), VisitsBasis: "own", Counted: []CheckSource{}, Simulated: a.Simulated, TimeZone: site.TimeZone,
	}
	if a.Guessed {
		b.Alone, b.VisitsBasis = Number(a.Alone), "similar_sites"
	}
	for _, c := range a.Counted {
		c.Source = publicSource(c.Source, site.AccountID)
		b.Counted = append(b.Counted, CheckSource(c))
	}
	return &checkOut{b}, nil
}
