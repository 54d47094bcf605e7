package engine

import (
	"math"
	"testing"
	"time"

	"surgecast"
	"surgecast/risk"
)

// talkAndVisits stores two days of a quiet site and a topic whose talk is 20 times the usual in the last 20 minutes.
func talkAndVisits(p *place) (now time.Time) {
	const days = 2
	var visits []surgecast.TrafficMinute
	var talk []surgecast.MentionMinute
	for i := range days * 1440 {
		visits = append(visits, surgecast.TrafficMinute{Minute: minute(i), Requests: quiet(1, i, 200), Complete: true})
		n := quiet(2, i, 4)
		if i >= days*1440-20 {
			n = quiet(2, i, 80)
		}
		talk = append(talk, surgecast.MentionMinute{Minute: minute(i), Raw: n})
	}
	p.visits(visits...)
	p.mentions(talk...)
	return minute(days * 1440).Add(5 * time.Second)
}

func (p *place) check(topic surgecast.Topic, now time.Time) surgecast.CheckAnswer {
	p.t.Helper()
	var f *surgecast.SiteForecast
	if got, err := p.st.NewestForecast(p.t.Context(), p.site.ID, surgecast.TotalSegment, now); err == nil {
		f = &got
	}
	a, err := Check(p.t.Context(), p.st, surgecast.CheckQuestion{Site: p.site, Topic: topic}, f, nil, now)
	p.ok(err)
	return a
}

// A check reads what the sweep stored, and knows talk that is no part of the site's forecast: unlinked, the
// visits it may bring are as uncertain as their prior, and they leave less of the capacity.
func TestCheck(t *testing.T) {
	p := newPlace(t, nil)
	p.talked(60)
	now := talkAndVisits(p)
	if a := p.check(p.topic, now); a.Word != surgecast.CheckCannotTell {
		t.Errorf("without a forecast: %s (%s), want cannot_tell", a.Word, a.Headline)
	}
	p.ok(p.st.UnlinkTopic(t.Context(), surgecast.DefaultAccount, p.site.Slug, p.topic.Slug))
	e := p.engine(func(c *Config) { c.Clock = func() time.Time { return now } })
	if _, err := e.Sweep(t.Context(), now); err != nil {
		t.Fatal(err)
	}

	a := p.check(p.topic, now)
	if a.Basis != surgecast.BasisCounted || a.Linked || len(a.Counted) != 1 {
		t.Errorf("basis %s, linked %t, %d sources: want counted by the one source, not linked", a.Basis, a.Linked, len(a.Counted))
	}
	// (80+1)/(4+1) = 16.2
	if a.TimesUsual < 12 || a.TimesUsual > 21 {
		t.Errorf("talk is %.1f times the usual, want about 16", a.TimesUsual)
	}
	// At least what has been said already: 20 minutes of 76 more than usual, two visits each, a part of them past.
	if a.ExtraVisits[1] < 1000 || !(a.ExtraVisits[0] < a.ExtraVisits[1] && a.ExtraVisits[1] < a.ExtraVisits[2]) {
		t.Errorf("extra visits %.0f, want more than 1,000 and in order", a.ExtraVisits)
	}
	f, err := p.st.NewestForecast(t.Context(), p.site.ID, surgecast.TotalSegment, now)
	p.ok(err)
	alone := f.Risk[4]
	if !a.Guessed || math.Abs(a.Alone-alone) > .02 || !a.Counted[0].Summed {
		t.Errorf("guessed %t, alone %.4f (the site's own forecast: %.4f), counted %+v", a.Guessed, a.Alone, alone, a.Counted)
	}
	if !(a.Probability > alone) {
		t.Errorf("chance %.4f with the talk, %.4f without: it must take capacity away", a.Probability, alone)
	}
	// A capacity nothing reaches is not reached because of a guess; one below demand is passed for certain.
	if got := risk.AtCapacity(&f, 360, 1e9); got > .01 {
		t.Errorf("chance of passing a billion: %.3f", got)
	}
	if got := risk.AtCapacity(&f, 360, f.DemandRPM/2); got != 1 {
		t.Errorf("chance of passing half of what comes: %.3f, want 1", got)
	}

	// Linked, the site's own forecast has the talk in it: its chance is the answer's.
	p.ok(p.st.LinkTopic(t.Context(), surgecast.DefaultAccount, p.site.Slug, p.topic.Slug, t0.AddDate(0, 0, -60), 1))
	if a = p.check(p.topic, now); !a.Linked || a.Guessed || math.Abs(a.Probability-f.Risk[4]) > .02 {
		t.Errorf("linked: %t, chance %.3f, the forecast's is %.3f", a.Linked, a.Probability, f.Risk[4])
	}

	if a = p.check(surgecast.Topic{Name: "soup", Any: []string{"soup"}}, now); a.Word != surgecast.CheckCannotTell || a.Basis != surgecast.BasisPrior {
		t.Errorf("a topic nobody counts: %s, %s", a.Word, a.Basis)
	}
	// Counts that ended an hour ago say nothing of now.
	if a = p.check(p.topic, now.Add(time.Hour)); a.Basis != surgecast.BasisPrior {
		t.Errorf("an hour after the last count the basis is %s, want prior", a.Basis)
	}
}
