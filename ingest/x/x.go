// Package x reads how often topics are mentioned on X, minute by minute, from its counts of recent posts.
//
// Nothing is counted here: one request returns finished minutes of one query, costs money, and a late
// request loses nothing, because it asks from the last minute that is stored. So hot topics are asked
// for every minute or two and cold ones once an hour, within the rate X allows and the money the account
// set aside. What the money does not reach is missing, never zero.
//
// It promises: no request without money booked for it; none before the moment X named when it refused one;
// only topics that are named together with a permitted category are asked for; a minute is handed over
// once X has stopped revising it (three minutes), and is read again with the next request; the token
// stands in no error and no log line. No post, account or id is ever asked for, and nothing is said about
// bots: X forbids measuring spam, so organic is raw and authors are unknown.
//
// The counts travel through dghubble/go-twitter's PremiumSearch over a transport of ours that speaks
// version 2 of the API (transport.go): the library knows only addresses that are gone.
package x

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"surgecast"
	"surgecast/ingest"
)

// What X asks and grants. Prices and limits are of 22 August 2026; X's console overrides them.
const (
	DefaultBaseURL = "https://api.x.com"

	// DefaultMillicents is the price of one request for counts: $0.005.
	DefaultMillicents = 500

	perMinute = 18 // 300 requests in 15 min are allowed; 18 a minute and a burst of 18 make 288
	maxQuery  = 512
	lookback  = 7 * 24 * time.Hour

	// DefaultSettle is how long X goes on revising a minute.
	DefaultSettle = 3 * time.Minute
	overlap       = 3 * time.Minute
)

// Config of Counts. Bearer and Clock are required.
type Config struct {
	BaseURL string       // "": DefaultBaseURL
	Bearer  string       // app token
	Client  *http.Client // its Transport carries the requests; nil: http.DefaultTransport
	Permits []Permit     // the topics X is asked for; none: none
	Clock   surgecast.Clock
	Logger  *slog.Logger // nil: silent

	Millicents int64         // price of a request in thousandths of a cent; 0: DefaultMillicents
	Settle     time.Duration // a minute younger than this may still grow and is held back; 0: DefaultSettle
	Timeout    time.Duration // of one request; 0: 30 s
	MaxQuery   int           // characters; 0: 512, what pay-per-use allows
	UserAgent  string        // "": surgecast
}

// Counts is X as a source of finished counts (ingest.Counter). What it knows of limits outlives a Run.
type Counts struct {
	cfg     Config
	permits map[permitKey]Permit
	limit   *rate.Limiter

	mu        sync.Mutex // one Run at a time
	notBefore time.Time  // X named it
	refusals  int        // rate limits in a row that named no moment
	faults    int        // answers in a row that were X's own fault
	asked     map[int64]asked
	broke     map[int64]time.Time // accounts without money: when to ask for some again
	told      string              // the warning that stands
}

// asked is what is known of a topic's last request.
type asked struct {
	at       time.Time
	revision int
	refused  bool // X does not take the query of this revision
	failed   bool // no counts came of it
}

var _ ingest.Counter = (*Counts)(nil)

// New makes a Counts. It starts nothing. Permits that do not stand up to Permit.Check are left out and
// named in the warning.
func New(c Config) *Counts {
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	if c.Client == nil {
		c.Client = &http.Client{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Millicents == 0 {
		c.Millicents = DefaultMillicents
	}
	if c.Settle == 0 {
		c.Settle = DefaultSettle
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.MaxQuery == 0 {
		c.MaxQuery = maxQuery
	}
	if c.UserAgent == "" {
		c.UserAgent = "surgecast"
	}
	x := &Counts{
		cfg: c, permits: map[permitKey]Permit{},
		limit: rate.NewLimiter(rate.Limit(perMinute)/60, perMinute),
		asked: map[int64]asked{}, broke: map[int64]time.Time{},
	}
	for _, p := range c.Permits {
		x.permits[p.key()] = p
	}
	return x
}

// Source says what X is: fast posts, counted elsewhere.
func (x *Counts) Source() surgecast.Source {
	return surgecast.Source{Slug: "x", Kind: surgecast.SourcePosts, Mode: surgecast.Absolute, StepSeconds: 60}
}

// Run asks for what is due until ctx ends, which is no error. It returns an error when X cannot be reached
// or refuses the token; the supervisor waits and starts it again.
func (x *Counts) Run(ctx context.Context, board ingest.Board) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.told = "" // the supervisor's memory of warnings may be as new as this run
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		wait, err := x.round(ctx, board)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		timer.Reset(wait)
	}
}
