package web

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"time"
)

//go:embed drawn.html
var drawnHTML string

//go:embed src/tokens.css
var tokensCSS string

//go:embed drawn.css
var drawnCSS string

var drawn = template.Must(template.New("drawn").Funcs(template.FuncMap{
	"times":    times,
	"grouped":  grouped,
	"rate":     rate,
	"percent":  percent,
	"css":      func() template.CSS { return template.CSS(tokensCSS + drawnCSS) }, //nolint:gosec // our own files
	"lookWord": func(s string) string { return lookOf(s).word },
	"lookMark": func(s string) string { return lookOf(s).shape },
	"tone":     func(s string) string { return lookOf(s).tone },
	"join":     strings.Join,
	"units":    units,
}).Parse(drawnHTML))

// Draw makes a page of the API's JSON documents: "overview" of the answer of GET /v1/sites?sort=risk,
// "site" of an object {"risk":…, "forecast":…, "capacity":…} of the three documents of one site, "status" of
// the answer of GET /v1/status/{site}, "problem" of a problem document; "card" of the same as "site" is a picture (PNG) of its verdict. The
// page needs no script and no other file. Without script it asks for itself again every 30 seconds;
// with script on, and no dashboard built, whoever serves it sends the same as a Refresh header.
func Draw(page string, doc []byte) ([]byte, error) {
	var view any
	var err error
	switch page {
	case "card":
		b, err := cardOf(doc)
		if err != nil {
			return nil, fmt.Errorf("drawing page %q: %w", page, err)
		}
		return b, nil
	case "overview":
		view, err = overviewOf(doc)
	case "site":
		view, err = siteOf(doc)
	case "status":
		view, err = statusOf(doc)
	case "problem":
		view, err = problemOf(doc)
	default:
		return nil, fmt.Errorf("drawing page %q: there is no such page", page)
	}
	if err != nil {
		return nil, fmt.Errorf("drawing page %q: %w", page, err)
	}
	var b bytes.Buffer
	if err := drawn.ExecuteTemplate(&b, page, view); err != nil {
		return nil, fmt.Errorf("drawing page %q: %w", page, err)
	}
	return b.Bytes(), nil
}

// head is what every drawn page has.
type head struct {
	Title     string
	Simulated bool
	Now       moment
	Zone      string
	Shared    *shared // the page of a signed link: nothing on it leads to pages its reader cannot see
}

// shared is what the page of a signed link says to its reader and to who previews it in a chat.
type shared struct {
	URL, Image, Words string
	Until             moment
}

// verdict is shown as it came: this package composes none.
type verdict struct {
	Headline       string   `json:"headline"`
	Sentence       string   `json:"sentence"`
	ShownPercent   string   `json:"shown_percent"`
	ShownValue     float64  `json:"shown_value"`
	Overview       string   `json:"overview"`
	Was            string   `json:"was"`
	Caveats        []string `json:"caveats"`
	HorizonMinutes int      `json:"horizon_minutes"`
	Simulated      bool     `json:"simulated"`
}

// FreshCaveats are those the sentence does not already say.
func (v verdict) FreshCaveats() []string {
	var out []string
	for _, c := range v.Caveats {
		if !strings.Contains(v.Sentence, c) {
			out = append(out, c)
		}
	}
	return out
}

type siteRow struct {
	Slug      string `json:"slug"`
	Name      string `json:"name"`
	TimeZone  string `json:"time_zone"`
	Simulated bool   `json:"simulated"`
	ModeWhy   string `json:"mode_why"`
	Status    *struct {
		State         string     `json:"state"`
		Verdict       *verdict   `json:"verdict"`
		ActBy         *time.Time `json:"act_by"`
		Probability6h *float64   `json:"probability_6h"`
	} `json:"status"`
}

type overviewRow struct {
	Slug, Name, State, Do string
	ModeWhy               string // the ledger's words, when it took the site from act to advise
	Simulated             bool
	ActBy                 *moment
	Chance                string
}

type overviewPage struct {
	head
	Rows []overviewRow
	Need string // how many need someone
	Rest string // and how many do not
}

func overviewOf(doc []byte) (*overviewPage, error) {
	var in struct {
		Items []siteRow `json:"items"`
		Now   time.Time `json:"now"`
	}
	if err := json.Unmarshal(doc, &in); err != nil {
		return nil, fmt.Errorf("reading the list of sites: %w", err)
	}
	p := &overviewPage{head: head{Title: "Overview · Surgecast", Zone: "UTC"}}
	if len(in.Items) > 0 {
		p.Zone = in.Items[0].TimeZone
	}
	p.Now = at(in.Now, in.Now, p.Zone)
	need, calm, learning := 0, 0, 0
	for _, s := range in.Items {
		r := overviewRow{Slug: s.Slug, Name: s.Name, ModeWhy: s.ModeWhy, Simulated: s.Simulated, State: "cannot_tell", Chance: "–", Do: "–"}
		p.Simulated = p.Simulated || s.Simulated
		if st := s.Status; st != nil {
			r.State = st.State
			if st.ActBy != nil {
				m := at(actBy(*st.ActBy, in.Now), in.Now, p.Zone)
				r.ActBy = &m
			}
			if st.Probability6h != nil {
				r.Chance = percent(*st.Probability6h)
			}
			if st.Verdict != nil {
				r.Do = st.Verdict.Overview
				if st.Probability6h != nil && st.Verdict.HorizonMinutes == 360 && st.Verdict.ShownPercent != "" {
					r.Chance = st.Verdict.ShownPercent
				}
			}
		}
		switch r.State {
		case "calm":
			calm++
		case "learning":
			learning++
		default:
			need++
		}
		p.Rows = append(p.Rows, r)
	}
	switch need {
	case 0:
		p.Need = "No site needs someone"
	case 1:
		p.Need = "1 site needs someone"
	default:
		p.Need = fmt.Sprintf("%d sites need someone", need)
	}
	p.Rest = fmt.Sprintf("%d calm", calm)
	if learning > 0 {
		p.Rest += fmt.Sprintf(", %d learning", learning)
	}
	if p.Simulated {
		p.Title = "[simulated] " + p.Title
	}
	return p, nil
}

var clockTime = regexp.MustCompile(`\b(?:[01]\d|2[0-3]):[0-5]\d\b`)

// times puts the clock times of a server's sentence into <time> and changes no character of it.
func times(sentence string) template.HTML {
	var b strings.Builder
	from := 0
	for _, m := range clockTime.FindAllStringIndex(sentence, -1) {
		b.WriteString(template.HTMLEscapeString(sentence[from:m[0]]))
		b.WriteString("<time>" + sentence[m[0]:m[1]] + "</time>")
		from = m[1]
	}
	b.WriteString(template.HTMLEscapeString(sentence[from:]))
	return template.HTML(b.String()) //nolint:gosec // every piece was escaped above
}

type look struct{ word, shape, tone string }

// lookOf is the word, the shape and the fill of a state; one that this page does not know is unknown,
// never calm.
func lookOf(state string) look {
	switch state {
	case "calm":
		return look{"Calm", "●", "calm"}
	case "watch":
		return look{"Watch", "▲", "watch"}
	case "alert":
		return look{"Alert", "◆", "alert"}
	case "over_capacity":
		return look{"Over capacity", "◆", "alert"}
	case "failing":
		return look{"Failing", "✕", "failing"}
	case "recovery":
		return look{"Recovery", "↘", "recovery"}
	case "learning":
		return look{"Learning", "◌", "learning"}
	}
	return look{"Unknown", "?", "unknown"}
}
