package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"surgecast"
	"surgecast/api"
	"surgecast/engine"
	"surgecast/risk"
)

type checkCmd struct {
	Text string `arg:"" help:"A topic's short name, or what is being said: \"#nordlichtlive, Nordlicht tour\"."`
	Site string `required:"" placeholder:"SITE" help:"Site it may bring visits to."`

	Server string `env:"SURGECAST_SERVER" placeholder:"URL" help:"Ask a running service (http://127.0.0.1:8080) instead of the database."`
	Key    string `env:"SURGECAST_KEY" help:"Its API key, when it wants one."`
}

// errExit ends the program with a code that is an answer, not a failure.
type errExit struct{ code int }

func (e errExit) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func (c *checkCmd) Run(ctx context.Context, g *Global) error {
	if err := checkText(c.Text); err != nil {
		return err
	}
	if c.Server != "" {
		return c.ask(ctx, g)
	}
	var a surgecast.CheckAnswer
	var site surgecast.Site
	err := withStore(ctx, g, func(db *database) error {
		var err error
		if site, err = db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site); err != nil {
			return unknownSite(c.Site, err)
		}
		ck := checker{db: db, clock: time.Now}
		a, err = ck.Check(ctx, site, c.Text)
		return err
	})
	if err != nil {
		return err
	}
	if err := printCheck(g, site, a); err != nil {
		return err
	}
	if code := risk.CheckExit(a); code != 0 {
		return errExit{code}
	}
	return nil
}

// maxCheckText is the longest text that is asked about, as the API has it.
const maxCheckText = 500

// checkText refuses what nobody says: more than a sentence, or characters that are none.
func checkText(text string) error {
	if n := utf8.RuneCountInString(text); n > maxCheckText {
		return &surgecast.FieldError{Field: "text", Detail: fmt.Sprintf("has %d characters, at most %d are asked about", n, maxCheckText), Remedy: "Give a topic's short name, or a few words with commas between them."}
	}
	for i, r := range text {
		if r == utf8.RuneError || unicode.IsControl(r) && !unicode.IsSpace(r) {
			return &surgecast.FieldError{Field: "text", Value: text, Detail: fmt.Sprintf("holds a character that is no letter, digit or sign, after %d bytes", i), Remedy: "Write the words as people do, in UTF-8."}
		}
	}
	return nil
}

// checkServer refuses an address no request can go to.
func checkServer(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &surgecast.FieldError{Field: "--server", Value: address, Detail: "is not the address of a service", Remedy: "Write http:// or https:// and a host, for example http://127.0.0.1:8080."}
	}
	return nil
}

// ask puts the question to a running service and says its answer.
func (c *checkCmd) ask(ctx context.Context, g *Global) error {
	var b struct {
		api.CheckBody
		// The numbers of the body are write-only types.
		MentionsNow     *float64 `json:"mentions_per_minute"`
		MentionsUsual   *float64 `json:"usual_mentions_per_minute"`
		TimesUsual      *float64 `json:"times_usual"`
		DoublingMinutes *float64 `json:"doubling_minutes"`
		Extra           any      `json:"extra_requests"`
		Probability     *float64 `json:"probability"`
		CapacityRPM     *float64 `json:"capacity_rpm"`
	}
	if err := checkServer(c.Server); err != nil {
		return err
	}
	question, err := json.Marshal(api.CheckNew{Text: c.Text, Site: c.Site})
	if err != nil {
		return err
	}
	if err := c.call(ctx, "POST", "/v1/check", question, &b); err != nil {
		return err
	}
	a := surgecast.CheckAnswer{Word: b.Word, State: b.State, Headline: b.Headline, Sentence: b.Sentence, Caveats: b.Caveats, Topic: b.Topic, Linked: b.Linked}
	for _, s := range b.Counted {
		a.Counted = append(a.Counted, surgecast.CheckSource(s))
	}
	if err := printCheck(g, surgecast.Site{Slug: c.Site, TimeZone: b.TimeZone}, a); err != nil {
		return err
	}
	if code := risk.CheckExit(a); code != 0 {
		return errExit{code}
	}
	return nil
}

// call makes one request of the service and reads its answer; a problem document becomes the error.
func (c *checkCmd) call(ctx context.Context, method, path string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.Server, "/")+path, bytes.NewReader(body))
	if err != nil {
		return usage("--server %s: %w", c.Server, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s: %w\nIs the service running there? Without --server the database is asked", c.Server, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.Server, err)
	}
	if resp.StatusCode != http.StatusOK {
		var p struct {
			Detail string `json:"detail"`
			Remedy string `json:"remedy"`
		}
		if json.Unmarshal(b, &p) == nil && p.Detail != "" {
			return fmt.Errorf("%s: %s. %s", c.Server, p.Detail, p.Remedy)
		}
		return fmt.Errorf("%s answered %s", c.Server, resp.Status)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("the answer of %s is not a check: %w", c.Server, err)
	}
	return nil
}

func printCheck(g *Global, site surgecast.Site, a surgecast.CheckAnswer) error {
	zone, err := time.LoadLocation(site.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", a.Headline, a.Sentence)
	for _, s := range a.Caveats {
		fmt.Fprintf(&b, "Note: %s\n", s)
	}
	counted := make([]string, 0, len(a.Counted))
	for _, s := range a.Counted {
		counted = append(counted, fmt.Sprintf("%s since %s", s.Source, s.Since.In(zone).Format("2 Jan 15:04")))
	}
	if len(counted) > 0 {
		fmt.Fprintf(&b, "Counted: %s (%s)\n", strings.Join(counted, ", "), zone)
	}
	if a.Topic == "" {
		b.WriteString("Watch it: forecaster topic add NAME --any \"…\" --site " + site.Slug + "\n")
	} else if !a.Linked {
		fmt.Fprintf(&b, "Link it: forecaster topic link %s %s\n", a.Topic, site.Slug)
	}
	_, err = fmt.Fprint(g.out, b.String())
	return err
}

// checker answers checks from a database.
type checker struct {
	db    *database
	clock surgecast.Clock
}

// Check answers what text does to a site. A text that is a topic's name, or holds only terms of one, is that
// topic; anything else is not counted yet.
func (c checker) Check(ctx context.Context, site surgecast.Site, text string) (surgecast.CheckAnswer, error) {
	topic, err := c.topic(ctx, site.AccountID, text)
	if err != nil {
		return surgecast.CheckAnswer{}, err
	}
	now := c.clock().UTC()
	var f *surgecast.SiteForecast
	newest, err := c.db.NewestForecast(ctx, site.ID, surgecast.TotalSegment, now)
	switch {
	case err == nil:
		f = &newest
	case !errors.Is(err, surgecast.ErrNotFound):
		return surgecast.CheckAnswer{}, err
	}
	var surge *surgecast.Surge
	open, err := c.db.OpenSurges(ctx)
	if err != nil {
		return surgecast.CheckAnswer{}, err
	}
	for i := range open {
		if open[i].SiteID == site.ID {
			surge = &open[i]
		}
	}
	return engine.Check(ctx, c.db, surgecast.CheckQuestion{Site: site, Topic: topic}, f, surge, now)
}

func (c checker) topic(ctx context.Context, account int64, text string) (surgecast.Topic, error) {
	if err := checkText(text); err != nil {
		return surgecast.Topic{}, err
	}
	terms := risk.Terms(text)
	if len(terms) == 0 {
		return surgecast.Topic{}, &surgecast.FieldError{Field: "text", Value: text, Detail: "holds no term", Remedy: "Give a topic's short name, or words with commas between them."}
	}
	slug := strings.ToLower(strings.TrimSpace(text))
	if surgecast.ValidSlug(slug) {
		t, err := c.db.TopicBySlug(ctx, account, slug)
		if err == nil || !errors.Is(err, surgecast.ErrNotFound) {
			return t, err
		}
	}
	fold := func(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
	for page := (surgecast.Page{Limit: 500}); ; {
		topics, next, err := c.db.Topics(ctx, account, page)
		if err != nil {
			return surgecast.Topic{}, err
		}
		for _, t := range topics {
			has := func(term string) bool {
				return fold(term) == fold(t.Name) || slices.ContainsFunc(t.Any, func(x string) bool { return fold(x) == fold(term) })
			}
			if !slices.ContainsFunc(terms, func(x string) bool { return !has(x) }) {
				return t, nil
			}
		}
		if next == "" {
			return surgecast.Topic{Name: strings.TrimSpace(text), Any: terms}, nil
		}
		page.After = next
	}
}
