package review

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"surgecast"
)

// ScoreOptions say what of a ledger is scored.
type ScoreOptions struct {
	Segment string // "": the whole of the site

	// From and To bound the origins that are judged: [From, To). Zero: no bound.
	From, To time.Time

	// DemandKnown says that the minutes hold the whole demand even where the site was saturated.
	DemandKnown bool
}

// Accuracy is how good the forecasts of one series of a site were, by lead.
type Accuracy struct {
	Segment string `json:"segment"`

	From, To  time.Time `json:"-"`
	FirstAt   time.Time `json:"first_origin_at,omitzero"`
	LastAt    time.Time `json:"last_origin_at,omitzero"`
	Forecasts int       `json:"forecasts"`         // ledger rows judged
	Minutes   int       `json:"minutes"`           // minutes of traffic given, from the first to the last
	Missing   int       `json:"missing_minutes"`   // of them unknown: they are left out, not read as zero
	Saturated int       `json:"saturated_minutes"` // of them lower bounds: they count only against a forecast below

	All    LeadScore      `json:"all_leads"`
	Leads  []LeadScore    `json:"leads"`
	Breach []HorizonScore `json:"breach"`

	// WithMentions and WithoutMentions split the rows by whether mentions were used (Degraded says when they
	// were not). They speak of different moments, so they are no comparison of the two ways. Null: no such row.
	WithMentions    *LeadSplit `json:"with_mentions"`
	WithoutMentions *LeadSplit `json:"without_mentions"`
}

// LeadSplit is the part of the rows of one kind.
type LeadSplit struct {
	Forecasts int         `json:"forecasts"`
	All       LeadScore   `json:"all_leads"`
	Leads     []LeadScore `json:"leads"`
}

// TrackRecord is what became of the chances that were said: "when we said 40–60 %, it happened 9 of 15 times".
type TrackRecord struct {
	Segment   string          `json:"segment"`
	Forecasts int             `json:"forecasts"`
	Receipt   Receipt         `json:"receipt"`
	Horizons  []RecordHorizon `json:"horizons"`
}

// RecordHorizon is the record of one horizon.
type RecordHorizon struct {
	HorizonScore
	Sentences []string `json:"sentences"` // one a row of the reliability table, in rising order
}

// Scores judges ledger rows by what came, at every lead. rows and minutes are of one site, in any order, and are
// not changed; rows of other segments are left out. Traffic of a segment is that segment's minutes; of the whole,
// the minutes of the total where the source reported them, else the sum of the segments. Minutes that are not
// Complete are missing. An error names the row that is there twice.
func Scores(rows []surgecast.SiteForecast, minutes []surgecast.TrafficMinute, o ScoreOptions) (Accuracy, error) {
	all, err := scoreRows(rows, minutes, o, func(*surgecast.SiteForecast) bool { return true })
	if err != nil {
		return Accuracy{}, err
	}
	a := Accuracy{
		Segment: segmentOf(o.Segment), From: o.From, To: o.To, Forecasts: all.judged, Minutes: all.s.len(),
		Leads: all.leadScores(), All: all.all.score(0), Breach: all.horizonScores(), FirstAt: all.first, LastAt: all.last,
	}
	a.Missing = a.Minutes - all.s.knownIn(0, a.Minutes)
	for _, sat := range all.s.saturated {
		if sat {
			a.Saturated++
		}
	}
	for _, part := range []struct {
		to   **LeadSplit
		used bool
	}{{&a.WithMentions, true}, {&a.WithoutMentions, false}} {
		b, err := scoreRows(rows, minutes, o, func(f *surgecast.SiteForecast) bool {
			return slices.Contains(f.Degraded, "mentions") != part.used
		})
		if err != nil {
			return Accuracy{}, err
		}
		if b.judged > 0 {
			*part.to = &LeadSplit{Forecasts: b.judged, All: b.all.score(0), Leads: b.leadScores()}
		}
	}
	return a, nil
}

// Record judges the chances of a breach in the same rows against the capacity each was made for. Rows without
// a capacity claimed no chance and are left out of the horizons.
func Record(rows []surgecast.SiteForecast, minutes []surgecast.TrafficMinute, o ScoreOptions) (TrackRecord, error) {
	b, err := scoreRows(rows, minutes, o, func(*surgecast.SiteForecast) bool { return true })
	if err != nil {
		return TrackRecord{}, err
	}
	r := TrackRecord{Segment: segmentOf(o.Segment), Forecasts: b.judged, Receipt: b.receipt, Horizons: []RecordHorizon{}}
	for _, h := range b.horizonScores() {
		x := RecordHorizon{HorizonScore: h, Sentences: []string{}}
		for _, row := range h.Reliability {
			x.Sentences = append(x.Sentences, row.sentence(h.HorizonMinutes))
		}
		r.Horizons = append(r.Horizons, x)
	}
	return r, nil
}

// sentence counts occasions, not origins: thirty forecasts of the same half hour are one.
func (r Reliability) sentence(horizon int) string {
	within := minutes(float64(horizon))
	if horizon >= 60 && horizon%60 == 0 {
		within = fmt.Sprintf("%d h", horizon/60)
	}
	return fmt.Sprintf("When we said %g–%g %% within %s, it happened %d of %d times.", 100*r.From, 100*r.To, within, r.OccasionsHappened, r.Occasions)
}

func segmentOf(s string) string {
	if s == "" {
		return surgecast.TotalSegment
	}
	return s
}

// judgement is a Builder and how much it has judged.
type judgement struct {
	*Builder
	judged      int
	first, last time.Time
}

// scoreRows feeds a Builder with the chosen rows of one segment.
func scoreRows(rows []surgecast.SiteForecast, traffic []surgecast.TrafficMinute, o ScoreOptions, chosen func(*surgecast.SiteForecast) bool) (judgement, error) {
	segment := segmentOf(o.Segment)
	var mine []*surgecast.SiteForecast
	for i := range rows {
		if segmentOf(rows[i].Segment) == segment && chosen(&rows[i]) {
			mine = append(mine, &rows[i])
		}
	}
	slices.SortStableFunc(mine, func(a, b *surgecast.SiteForecast) int { return a.Origin.Compare(b.Origin) })
	j := judgement{}
	var site surgecast.Site
	if n := len(mine); n > 0 {
		site.Capacity.SustainMinutes = mine[n-1].SustainMinutes
	}
	j.Builder = NewBuilder(Options{Site: site, From: o.From, To: o.To, DemandKnown: o.DemandKnown})
	for _, m := range minutesOf(traffic, segment) {
		if err := j.Minute(m); err != nil {
			return j, err
		}
	}
	if j.s.len() == 0 {
		return j, nil // nothing has come yet: nothing to judge
	}
	for _, f := range mine {
		whole := *f
		whole.Segment = "" // the builder judges one series; which one was chosen above
		if err := j.Forecast(&whole); err != nil {
			return j, err
		}
		if j.inside(f.Origin) {
			if j.judged == 0 {
				j.first = f.Origin
			}
			j.judged++
			j.last = f.Origin
		}
	}
	j.settle(true)
	return j, nil
}

func (j *judgement) leadScores() []LeadScore {
	out := []LeadScore{}
	slices.Sort(j.leadOrder)
	for _, l := range j.leadOrder {
		out = append(out, j.leads[l].score(l))
	}
	return out
}

func (j *judgement) horizonScores() []HorizonScore {
	out := []HorizonScore{}
	slices.Sort(j.hOrder)
	for _, h := range j.hOrder {
		out = append(out, j.horizons[h].score(h))
	}
	return out
}

// minutesOf are the complete minutes of a segment, rising.
func minutesOf(traffic []surgecast.TrafficMinute, segment string) []surgecast.TrafficMinute {
	by := map[int64]surgecast.TrafficMinute{}
	reported := map[int64]bool{} // minutes whose whole the source reported
	for _, m := range traffic {
		at := m.Minute.Unix()
		switch own := segmentOf(m.Segment); {
		case !m.Complete:
		case own == segment:
			by[at] = m
			reported[at] = true
		case segment == surgecast.TotalSegment && !reported[at]:
			sum := by[at]
			sum.Minute = m.Minute
			sum.Requests += m.Requests
			sum.Saturated = sum.Saturated || m.Saturated
			by[at] = sum
		}
	}
	out := make([]surgecast.TrafficMinute, 0, len(by))
	for _, m := range by {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b surgecast.TrafficMinute) int { return cmp.Compare(a.Minute.Unix(), b.Minute.Unix()) })
	return out
}
