package api

import (
	"context"
	"math"
	"net/http"
	"testing"

	"surgecast"
)

// The route hands the question over and puts the answer out as it is: unknown numbers are null.
func TestCheckRoute(t *testing.T) {
	var asked string
	ts := newTest(t, keyless, func(c *Config) {
		c.Check = func(_ context.Context, site surgecast.Site, text string) (surgecast.CheckAnswer, error) {
			asked = site.Slug + "|" + text
			return surgecast.CheckAnswer{Word: surgecast.CheckGift, Headline: "H.", Sentence: "S.", TimesUsual: 6, Probability: math.NaN(), ExtraVisits: [3]float64{1, 2, 3}}, nil
		}
	})
	ts.site(surgecast.DefaultAccount, "shop")
	ts.site(2, "foreign")
	res := ts.ask("POST", "/v1/check", `{"text":"soup, #soup","site":"shop"}`)
	if res.status != http.StatusOK || asked != "shop|soup, #soup" {
		t.Fatalf("status %d, asked %q: %s", res.status, asked, res.body)
	}
	b := res.json(t)
	if b["word"] != "gift" || b["headline"] != "H." || b["times_usual"] != 6. || b["probability"] != nil {
		t.Errorf("answer %v", b)
	}
	for body, want := range map[string]int{
		`{"text":"soup","site":"none"}`:    http.StatusNotFound,
		`{"text":"soup","site":"foreign"}`: http.StatusNotFound,
		`{"text":"","site":"shop"}`:        http.StatusUnprocessableEntity,
		`{"site":"shop"}`:                  http.StatusUnprocessableEntity,
	} {
		if res := ts.ask("POST", "/v1/check", body); res.status != want {
			t.Errorf("%s: status %d, want %d", body, res.status, want)
		}
	}
}
