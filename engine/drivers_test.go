package engine

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"surgecast"
)

// While talk that brings four visits a mention rises, the row of the ledger says what the traffic goes along with, and
// reads back as it was judged: the class with a share, its band and its doubling, and what is usual; the shares make
// one. A site without topics says nothing.
//
// Fails when: forecast leaves Drivers empty, nameDrivers leaves out topics or sources, the store does not keep them, or told takes no growth from Said.
func TestDriversStandInTheLedger(t *testing.T) {
	t.Parallel()
	const rise, until = 600, 625
	run := func(t *testing.T, talked bool) (live, stored surgecast.SiteForecast) {
		p := newPlace(t, nil)
		if talked {
			p.talked(60)
		}
		e := p.engine(nil)
		var visits []surgecast.TrafficMinute
		var talk []surgecast.MentionMinute
		brought := 0.
		for i := range until {
			m := quiet(13, i, 5)
			if i%170 > 150 && i < 550 {
				m += quiet(14, i, 30)
			}
			if i >= rise {
				m += math.Round(10 * math.Exp2(float64(i-rise)/8))
			}
			brought += (4*m - brought) / 8
			talk = append(talk, surgecast.MentionMinute{Minute: minute(i), Raw: m})
			visits = append(visits, surgecast.TrafficMinute{Minute: minute(i), Requests: math.Round(quiet(15, i, 300) + brought), Complete: true})
			if i < rise-5 {
				continue
			}
			p.visits(visits...)
			if talked {
				p.mentions(talk...)
			}
			visits, talk = nil, nil
			res, err := e.Sweep(t.Context(), minute(i+1))
			p.ok(err)
			live = res.Forecasts[0]
		}
		rows, err := p.st.Forecasts(t.Context(), p.site.ID, surgecast.TotalSegment, minute(until-1), minute(until))
		p.ok(err)
		return live, rows[0]
	}
	var live, stored surgecast.SiteForecast
	t.Run("without topics", func(t *testing.T) { live, stored = run(t, false) })
	if live.Drivers != nil || stored.Drivers != nil {
		t.Errorf("a site nobody talks about has drivers %v", live.Drivers)
	}
	t.Run("talk", func(t *testing.T) { live, stored = run(t, true) })
	if d := cmp.Diff(live.Drivers, stored.Drivers); d != "" {
		t.Errorf("stored drivers (-live +stored):\n%s", d)
	}
	sum := 0.
	var said *surgecast.Driver
	for i, d := range stored.Drivers {
		sum += d.Share
		if d.Name == "Talk on feed about Tour" {
			said = &stored.Drivers[i]
		}
		if d.Low > d.Share || d.High < d.Share {
			t.Errorf("%s: %.2f outside its band %.2f to %.2f", d.Name, d.Share, d.Low, d.High)
		}
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("shares make %.3f", sum)
	}
	if said == nil || said.Share < .1 {
		t.Fatalf("drivers %+v, want talk with a tenth at least", stored.Drivers)
	}
	if said.DoublingMinutes < 5 || said.DoublingMinutes > 13 {
		t.Errorf("doubling in %.1f minutes, truth 8", said.DoublingMinutes)
	}
}

// A driver is called by what people know: its networks, where they say a good part, and its topic; never by its class.
//
// Fails when: driverName leaves out mostNetworks, or loudest keeps who hardly says anything.
func TestDriversAreCalledByWhatPeopleKnow(t *testing.T) {
	long := strings.Repeat("Nordlicht ", 9)
	for _, c := range []struct {
		kind   surgecast.SourceKind
		from   map[string]float64
		topics map[string]float64
		want   string
	}{
		{surgecast.SourcePosts, map[string]float64{"Bluesky": 40, "Mastodon": 3}, map[string]float64{"Nordlicht tour": 43}, "Talk on Bluesky about Nordlicht tour"},
		{surgecast.SourcePosts, map[string]float64{"Bluesky": 30, "Mastodon": 40}, map[string]float64{"A": 20, "B": 50}, "Talk on Mastodon and Bluesky about B and others"},
		{surgecast.SourcePosts, map[string]float64{"A": 3, "B": 3, "C": 3}, map[string]float64{"Tour": 9}, "Talk on A and B about Tour"},
		{surgecast.SourcePosts, map[string]float64{"": 3}, map[string]float64{"Tour": 3}, "Talk in posts about Tour"},
		{surgecast.SourceRanked, map[string]float64{"": 3}, map[string]float64{"Tour": 3}, "Talk where links are shared, about Tour"},
		{surgecast.SourceRanked, map[string]float64{"Reddit": 3}, map[string]float64{"Tour": 3}, "Talk on Reddit about Tour"},
		{surgecast.SourceNews, map[string]float64{"rss": 3}, map[string]float64{"Tour": 3}, "News about Tour"},
		{surgecast.SourceEdits, map[string]float64{"Wikipedia": 3}, map[string]float64{"Tour": 3}, "Wikipedia activity about Tour"},
		{surgecast.SourcePush, map[string]float64{"till": 3}, map[string]float64{"Tour": 3}, "Talk about Tour, counted by till"},
		{surgecast.SourceVideo, map[string]float64{"": 3}, map[string]float64{long: 3}, "Video about " + long[:39] + "…"},
	} {
		if got := driverName(c.kind, loudest(c.from), loudest(c.topics)); got != c.want {
			t.Errorf("%s: %q, want %q", c.kind, got, c.want)
		}
	}
	for slug, want := range map[string]string{"bluesky": "Bluesky", "mastodon:example.social": "Mastodon", "push:acme": "acme", "till": "till"} {
		if got := network(surgecast.Source{Slug: slug}); got != want {
			t.Errorf("%s is called %q, want %q", slug, got, want)
		}
	}
}

// Two classes whose parts cannot be told apart are both named; one alone that is unclear is not.
//
// Fails when: drives names a class whose band is narrow, or needs no second one.
func TestWhatCannotBeToldApart(t *testing.T) {
	usual := surgecast.Driver{Name: usualTraffic, Share: .3, Low: 0, High: .9}
	posts := surgecast.Driver{Name: "posts", Share: .4, Low: .1, High: .6}
	news := surgecast.Driver{Name: "news", Share: .3, Low: .05, High: .5}
	if one, unclear := drives([]surgecast.Driver{posts, news, usual}); strings.Join(unclear, " ") != "posts news" || one == nil || one.Name != "posts" {
		t.Errorf("unclear %v, one %+v", unclear, one)
	}
	news.Low, news.High = .25, .35
	if _, unclear := drives([]surgecast.Driver{posts, news, usual}); unclear != nil {
		t.Errorf("unclear %v, want none", unclear)
	}
}
