package main

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"surgecast"
	"surgecast/ingest"
	"surgecast/ingest/hackernews"
	"surgecast/ingest/jetstream"
	"surgecast/ingest/mastodon"
	"surgecast/ingest/rss"
	"surgecast/ingest/wikimedia"
	"surgecast/ingest/x"
)

// feedFlags say which feeds the role ingest reads. Without any, those that need no account (docs/feeds.md).
type feedFlags struct {
	Bluesky           bool     `env:"SURGECAST_BLUESKY" default:"true" negatable:"" help:"Count Bluesky's posts. Needs no account."`
	BlueskyHosts      []string `env:"SURGECAST_BLUESKY_HOSTS" placeholder:"HOST" help:"Jetstream hosts, in order of preference (wss://NAME). Default: Bluesky's own four."`
	BlueskyV2         bool     `name:"bluesky-v2" env:"SURGECAST_BLUESKY_V2" help:"Speak the second form of the protocol (subscribeEvents)."`
	BlueskyCompress   bool     `env:"SURGECAST_BLUESKY_COMPRESS" help:"Ask for compressed events: half the bytes. The first form needs --bluesky-dictionary."`
	BlueskyDictionary string   `env:"SURGECAST_BLUESKY_DICTIONARY" placeholder:"FILE" help:"zstd dictionary of the first form."`

	Hackernews    bool   `env:"SURGECAST_HACKERNEWS" default:"true" negatable:"" help:"Count Hacker News. Needs no account."`
	HackernewsURL string `name:"hackernews-url" env:"SURGECAST_HACKERNEWS_URL" placeholder:"URL" help:"Another address of its API."`
	Wikimedia     bool   `env:"SURGECAST_WIKIMEDIA" default:"true" negatable:"" help:"Count edits of Wikipedia and its sisters. Needs no account."`
	WikimediaURL  string `name:"wikimedia-url" env:"SURGECAST_WIKIMEDIA_URL" placeholder:"URL" help:"Another address of the stream."`

	RSS []string `name:"rss" env:"SURGECAST_RSS" placeholder:"URL" help:"RSS or Atom feeds to count new entries of."`

	MastodonServer string   `env:"SURGECAST_MASTODON_SERVER" placeholder:"URL" help:"Count the public posts one Mastodon server knows of (https://mastodon.example)."`
	MastodonToken  string   `env:"SURGECAST_MASTODON_TOKEN" help:"Token of a user there, with read:statuses. Better in the environment than here."`
	MastodonTags   []string `env:"SURGECAST_MASTODON_TAGS" placeholder:"TAG" help:"Follow these hashtags instead of the whole public timeline."`

	XBearer string   `name:"x-bearer" env:"SURGECAST_X_BEARER" help:"App token of X. Better in the environment than here."`
	XBudget string   `name:"x-budget" env:"SURGECAST_X_BUDGET" placeholder:"MONTH[/DAY]" help:"What X may cost an account a month, in US dollars: 50, or with a limit a day: 50/3."`
	XTopics []string `name:"x-topics" env:"SURGECAST_X_TOPICS" placeholder:"TOPIC=CATEGORY" help:"Topics X is asked for, each with what it is: touchpad=product."`
	XURL    string   `name:"x-url" env:"SURGECAST_X_URL" placeholder:"URL" help:"Another address of its API."`

	Past time.Duration `name:"past" env:"SURGECAST_PAST" default:"36h" help:"How far back the past of a new topic is read from feeds that allow it (Bluesky: 36h). 0: no further than the memory of two hours."`

	Contact string `env:"SURGECAST_CONTACT" placeholder:"ADDRESS" help:"Mail address or page the feeds' operators can reach you at; it goes into the User-Agent."`
}

// feeds is what the flags ask for.
type feeds struct {
	streams  []ingest.Stream
	counters []ingest.Counter
	budget   surgecast.Budget // of X, for every account with a permitted topic; Source empty: none
	accounts []int64
}

// userAgent names the program, and whom to write to, as the operators of free feeds ask.
func (f *feedFlags) userAgent() string {
	s := "surgecast/" + version + " (counts only, stores no posts"
	if f.Contact != "" {
		s += "; " + f.Contact
	}
	return s + ")"
}

// open builds the feeds. Nothing is asked yet; an impossible setting is told at once.
func (f *feedFlags) open(a *app, keys *ingest.Keys) (feeds, error) {
	var out feeds
	agent := f.userAgent()
	if f.Past < 0 {
		return out, usage("--past %s: a past has a length: write 36h, or 0 for none beyond the memory", f.Past)
	}
	for _, a := range []struct{ flag, url string }{
		{"hackernews-url", f.HackernewsURL}, {"wikimedia-url", f.WikimediaURL}, {"x-url", f.XURL}, {"mastodon-server", f.MastodonServer},
	} {
		if err := httpAddress(a.flag, a.url); err != nil {
			return out, err
		}
	}
	for _, u := range f.RSS {
		if u == "" {
			continue
		}
		if err := httpAddress("rss", u); err != nil {
			return out, err
		}
	}
	client := &http.Client{} // streams have no end; every feed bounds its own requests
	if f.Bluesky {
		o := jetstream.Options{
			Hosts: f.BlueskyHosts, V2: f.BlueskyV2, Compress: f.BlueskyCompress, Hash: keys.HashAt, Clock: a.clock, Logger: a.g.log,
			UserAgent: agent,
		}
		if f.BlueskyDictionary != "" {
			var err error
			if o.Dictionary, err = os.ReadFile(f.BlueskyDictionary); err != nil {
				return out, usage("--bluesky-dictionary: %w", err)
			}
			o.Compress = true
		}
		s, err := jetstream.New(o)
		if err != nil {
			return out, err
		}
		out.streams = append(out.streams, s)
	}
	if f.Hackernews {
		out.streams = append(out.streams, hackernews.New(hackernews.Config{BaseURL: f.HackernewsURL, Client: client, Hash: keys.HashAt, UserAgent: agent, Clock: a.clock, Logger: a.g.log}))
	}
	if f.Wikimedia {
		out.streams = append(out.streams, wikimedia.New(wikimedia.Config{BaseURL: f.WikimediaURL, Client: client, Hash: keys.HashAt, UserAgent: agent, Clock: a.clock, Logger: a.g.log}))
	}
	if len(f.RSS) > 0 {
		out.streams = append(out.streams, rss.New(rss.Config{Feeds: f.RSS, Client: client, Hash: keys.HashAt, UserAgent: agent, Clock: a.clock, Logger: a.g.log}))
	}
	if f.MastodonServer != "" {
		if f.MastodonToken == "" {
			return out, usage("--mastodon-server %s: Mastodon's streams need the token of a user there; set SURGECAST_MASTODON_TOKEN", f.MastodonServer)
		}
		out.streams = append(out.streams, mastodon.New(mastodon.Config{
			Server: f.MastodonServer, Token: f.MastodonToken, Tags: f.MastodonTags, Client: client, Hash: keys.HashAt, UserAgent: agent, Clock: a.clock, Logger: a.g.log,
		}))
	}
	if f.XBearer == "" && len(f.XTopics) == 0 && f.XBudget == "" {
		return out, nil
	}
	if f.XBearer == "" || len(f.XTopics) == 0 || f.XBudget == "" {
		return out, usage("X needs a token, a budget and topics: set SURGECAST_X_BEARER, SURGECAST_X_BUDGET and SURGECAST_X_TOPICS, or none of them")
	}
	permits, err := x.ParsePermits(f.XTopics)
	if err != nil {
		return out, err
	}
	if out.budget, err = parseBudget(f.XBudget); err != nil {
		return out, err
	}
	seen := map[int64]bool{}
	for _, p := range permits {
		account := p.Account
		if account == 0 {
			account = surgecast.DefaultAccount
		}
		if !seen[account] {
			seen[account] = true
			out.accounts = append(out.accounts, account)
		}
	}
	counts := x.New(x.Config{BaseURL: f.XURL, Bearer: f.XBearer, Client: client, Permits: permits, Clock: a.clock, Logger: a.g.log, UserAgent: agent})
	out.budget.Source = counts.Source().Slug
	out.counters = append(out.counters, counts)
	return out, nil
}

// httpAddress refuses what no request could ever be sent to; empty is the default.
func httpAddress(flag, address string) error {
	if address == "" {
		return nil
	}
	if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &surgecast.FieldError{Field: flag, Value: address, Detail: "is not the address of a server", Remedy: "Write it whole, such as https://feed.example."}
	}
	return nil
}

// parseBudget reads "50" or "50/3": dollars a month, and a day.
func parseBudget(s string) (surgecast.Budget, error) {
	b := surgecast.Budget{Currency: "USD"}
	month, day, both := strings.Cut(s, "/")
	read := func(part string, to *int64) bool {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || !(v >= 0 && v <= 1e7) {
			return false
		}
		*to = int64(math.Round(v * millicentsOfDollar))
		return true
	}
	if !read(month, &b.MonthLimitMillicents) || both && !read(day, &b.DayLimitMillicents) {
		return b, usage("--x-budget %s: give US dollars a month, or a month and a day: 50/3", s)
	}
	return b, nil
}

const millicentsOfDollar = 100_000

// heat says how hot topics are, for feeds that cost money: from the open episodes of talk and from what
// feeds a site, looked up now and then.
type heat struct {
	mu sync.Mutex
	of map[int64]float64
}

const (
	heatEvery  = 30 * time.Second
	heatLinked = .3 // feeds a site: asked for every ten minutes
)

func (h *heat) Of(topicID int64) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of[topicID]
}

// Run refreshes what is known until ctx ends. What cannot be read stays as it was.
func (h *heat) Run(ctx context.Context, a *app) error {
	tick := time.NewTicker(heatEvery)
	defer tick.Stop()
	for {
		if err := h.look(ctx, a); err != nil && ctx.Err() == nil {
			a.g.log.Warn("how hot topics are was not read; the last word holds", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *heat) look(ctx context.Context, a *app) error {
	links, err := a.db.SiteTopics(ctx)
	if err != nil {
		return err
	}
	open, err := a.db.OpenSurges(ctx)
	if err != nil {
		return err
	}
	of := map[int64]float64{}
	sites := map[int64]bool{}
	for _, s := range open {
		if s.TopicID != 0 {
			of[s.TopicID] = 1
		}
		sites[s.SiteID] = true
	}
	for _, l := range links {
		of[l.TopicID] = max(of[l.TopicID], heatLinked)
		if sites[l.SiteID] { // its site is in watch or alert
			of[l.TopicID] = 1
		}
	}
	h.mu.Lock()
	h.of = of
	h.mu.Unlock()
	return nil
}
