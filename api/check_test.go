package api

import (
	"context"
	"math"
	"net/http"
	"testing"

	"surgecast"
)

// The route hands the question over and puts the answer out as it is: unknown numbers are null, and a pushed source has
// the name its sender gave it.
func TestCheckRoute(t *testing.T) {
	var asked string
	ts := newTest(t, keyless, func(c *Config) {
		c.Check = func(_ context.Context, site surgecast.Site, text string) (surgecast.CheckAnswer, error) {
			asked = site.Slug + "|" + text
			return surgecast.CheckAnswer{Word: surgecast.CheckGift, Headline: "H.", Sentence: "S.", TimesUsual: 6, Probability: math.NaN(), ExtraVisits: [3]float64{1, 2, 3}, Counted: []surgecast.CheckSource{{Source: "push:1/acme"}}}, nil
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
	if c := b["counted"].([]any); len(c) != 1 || c[0].(map[string]any)["source"] != "push:acme" {
		t.Errorf("counted by %v", c)
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

// A topic whose terms no post could match is refused at its field, when it is made and when it is changed.
func TestTermsThatNeverMatchAreRefused(t *testing.T) {
	ts := newTest(t, keyless, func(c *Config) {
		c.CheckTopic = func(x surgecast.Topic) error {
			if x.Any[0] == "!!!" {
				return &surgecast.FieldError{Field: "any", Value: "!!!", Detail: "nothing to find", Remedy: "Use a word."}
			}
			return nil
		}
	})
	if a := ts.ask("POST", "/v1/topics", `{"slug":"bad","any":["!!!"]}`); a.status != http.StatusUnprocessableEntity || a.json(t)["field"] != "any" {
		t.Errorf("made: %d %s", a.status, a.body)
	}
	ts.ask("POST", "/v1/topics", `{"slug":"good","any":["soup"]}`)
	if a := ts.ask("PUT", "/v1/topics/good", `{"any":["!!!"]}`); a.status != http.StatusUnprocessableEntity {
		t.Errorf("changed: %d %s", a.status, a.body)
	}
}
