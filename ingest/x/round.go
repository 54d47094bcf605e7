package x

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dghubble/go-twitter/twitter" //nolint:staticcheck // archived, and asked for: the transport keeps it working

	"surgecast"
	"surgecast/ingest"
)

// Cadence is how long a topic of that heat waits between two requests: one that surges is asked for every
// minute or two, one that moves every 10, all others once an hour. Nothing is lost by waiting: the next
// request brings the minutes between.
func Cadence(heat float64) time.Duration {
	switch {
	case heat >= .9:
		return time.Minute
	case heat >= .5:
		return 2 * time.Minute
	case heat >= .1:
		return 10 * time.Minute
	}
	return time.Hour
}

const (
	look     = 5 * time.Second // how often heat is looked at
	tryMoney = 5 * time.Minute // how often an account without money is asked again
	tryTopic = time.Minute     // how long a topic waits for which no counts came: the others have their turn

	maxFaults = 3 // answers in a row that are X's own fault (5xx) end the run
)

// due is a topic that should be asked for now.
type due struct {
	topic surgecast.Topic
	query string
	heat  float64
	since time.Duration // overdue by
}

// round asks for everything that is due and may be asked for, hottest first, and says when to look again.
func (x *Counts) round(ctx context.Context, board ingest.Board) (time.Duration, error) {
	var warn warnings
	queue := x.queue(board, &warn)
	for _, d := range queue {
		now := x.cfg.Clock()
		if now.Before(x.notBefore) {
			break
		}
		account := d.topic.AccountID
		if until, ok := x.broke[account]; ok && now.Before(until) {
			continue
		}
		r := x.limit.ReserveN(now, 1)
		if r.DelayFrom(now) > 0 {
			r.CancelAt(now)
			break // hottest first: the next look goes on where this one stopped
		}
		paid, err := board.Spend(ctx, account, x.cfg.Millicents)
		if err != nil {
			r.CancelAt(now)
			return 0, fmt.Errorf("booking a request to X: %w", err)
		}
		if !paid {
			r.CancelAt(now)
			x.broke[account] = now.Add(tryMoney)
			continue
		}
		delete(x.broke, account)
		if err := x.ask(ctx, board, d, now); err != nil {
			return 0, err
		}
	}
	x.say(board, &warn)
	now := x.cfg.Clock()
	if now.Before(x.notBefore) {
		return min(x.notBefore.Sub(now), time.Minute), nil
	}
	return look, nil
}

// queue lists what is due, hottest first, then what waits longest.
func (x *Counts) queue(board ingest.Board, warn *warnings) []due {
	now := x.cfg.Clock()
	var queue []due
	alive, accounts := map[int64]bool{}, map[int64]bool{}
	named := map[permitKey]bool{}
	for _, t := range board.Topics() {
		p, ok := x.permits[permitKey{t.AccountID, t.Slug}]
		if !ok {
			continue
		}
		alive[t.ID], accounts[t.AccountID], named[p.key()] = true, true, true
		if text := p.gate(t); text != "" {
			warn.add(text)
			continue
		}
		query, err := Query(t, x.cfg.MaxQuery)
		var f *surgecast.FieldError
		if errors.As(err, &f) {
			warn.add(fmt.Sprintf("topic %s is not asked for: %s. %s", t.Slug, f.Detail, strings.TrimSuffix(f.Remedy, ".")))
			continue
		}
		last, before := x.asked[t.ID]
		if !before {
			last, before = x.stored(board, t)
		}
		if before && last.revision != t.Revision {
			last, before = asked{}, false
		}
		if last.refused {
			warn.add(fmt.Sprintf("X does not take the query of topic %s: change its terms", t.Slug))
		}
		d := due{topic: t, query: query, heat: board.Heat(t.ID)}
		if before {
			every := Cadence(d.heat)
			switch {
			case last.refused:
				every = time.Hour
			case last.failed:
				every = tryTopic
			}
			if d.since = now.Sub(last.at) - every; d.since < 0 {
				continue
			}
		} else {
			d.since = lookback
		}
		queue = append(queue, d)
	}
	for id := range x.asked {
		if !alive[id] {
			delete(x.asked, id)
		}
	}
	for account := range x.broke {
		if !accounts[account] {
			delete(x.broke, account) // nothing of it goes stale
		}
	}
	for key, p := range x.permits {
		if named[key] {
			continue
		}
		if err := p.Check(); err != nil {
			warn.add(err.Error())
		} else {
			warn.add(fmt.Sprintf("there is no topic %s to be counted", key.topic))
		}
	}
	slices.SortStableFunc(queue, func(a, b due) int {
		return cmp.Or(cmp.Compare(b.heat, a.heat), cmp.Compare(b.since, a.since), cmp.Compare(a.topic.ID, b.topic.ID))
	})
	return queue
}

// stored is what the database tells of a topic's last request, made before this process began. Its newest minute was the
// last one settled then. Counts of other terms tell nothing.
func (x *Counts) stored(board ingest.Board, t surgecast.Topic) (last asked, ok bool) {
	newest := board.Newest(t.ID)
	at := newest.Add(time.Minute + x.cfg.Settle)
	if newest.IsZero() || at.Before(t.Since) || at.After(x.cfg.Clock()) {
		return asked{}, false
	}
	return asked{at: at, revision: t.Revision}, true
}

// ask makes one request and stores what it brings. An error ends the run; what concerns one topic does not.
func (x *Counts) ask(ctx context.Context, board ingest.Board, d due, now time.Time) error {
	newest := board.Newest(d.topic.ID)
	start := x.start(newest, now)
	counts, resp, err := x.count(ctx, d.query, start) //nolint:bodyclose // the library closed it; its header is what is read
	if err == nil {
		x.refusals, x.faults = 0, 0
		x.asked[d.topic.ID] = asked{at: now, revision: d.topic.Revision}
		if resp.Header.Get("x-rate-limit-remaining") == "0" {
			x.waitFor(resp, now)
		}
		rows, odd := x.rows(d.topic, counts, start, now)
		if odd > 0 {
			board.Dropped("outside the time asked for", odd)
		}
		if len(rows) == 0 {
			return nil
		}
		if err := board.Put(ctx, rows); err != nil {
			delete(x.asked, d.topic.ID) // paid for, but not stored: due again
			return fmt.Errorf("storing counts of X for topic %s: %w", d.topic.Slug, err)
		}
		return nil
	}
	failed := asked{at: now, revision: d.topic.Revision, failed: true} // due at once, the hottest would keep all others waiting
	var api twitter.APIError
	if !errors.As(err, &api) || resp == nil {
		x.asked[d.topic.ID] = failed
		switch {
		case errors.Is(err, errTooLong):
			board.Dropped("too long", 1)
		case errors.Is(err, errUndecodable):
			board.Dropped("undecodable", 1)
		}
		return fmt.Errorf("asking X for topic %s: %w", d.topic.Slug, err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		x.waitFor(resp, now)
		return nil
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestURITooLong:
		x.asked[d.topic.ID] = asked{at: now, revision: d.topic.Revision, refused: true}
		x.cfg.Logger.WarnContext(ctx, "X refuses a query", "status", resp.StatusCode, "topic", d.topic.ID, "reason", api.Errors[0].Message)
		return nil
	case http.StatusUnauthorized:
		return errors.New("asking X: it refuses the token (401): check SURGECAST_X_BEARER, the app token (bearer) of a project with access to version 2")
	case http.StatusPaymentRequired:
		return fmt.Errorf("asking X: it wants money first (402, %s): add credit or raise the spending limit in X's console", api.Errors[0].Message)
	case http.StatusForbidden:
		return fmt.Errorf("asking X: it refuses counts to this token (403, %s): check in X's console that the app belongs to a project, has credit and may ask for recent counts", api.Errors[0].Message)
	}
	x.asked[d.topic.ID] = failed
	if resp.StatusCode >= http.StatusInternalServerError {
		if x.faults++; x.faults < maxFaults {
			x.cfg.Logger.WarnContext(ctx, "X fails at a query", "status", resp.StatusCode, "topic", d.topic.ID)
			return nil
		}
		x.faults = 0
	}
	return fmt.Errorf("asking X for topic %s: it answers %d, %s", d.topic.Slug, resp.StatusCode, api.Errors[0].Message)
}

// start is where a request begins: three minutes before the end of what is stored, so that what X revised
// since is written over it, or as far back as X answers.
func (x *Counts) start(newest, now time.Time) time.Time {
	oldest := now.Add(-lookback + 2*time.Minute).Truncate(time.Minute) // a request a second too early is refused whole
	if newest.IsZero() {
		return oldest
	}
	start := newest.UTC().Truncate(time.Minute).Add(-overlap)
	if start.Before(oldest) {
		return oldest // what lies between stays missing
	}
	if latest := now.Add(-x.cfg.Settle - overlap).Truncate(time.Minute); start.After(latest) {
		return latest // a clock was set back: ask for something X can answer
	}
	return start
}

// rows are the minutes X no longer revises; younger ones come again with the next request. odd counts
// what was not asked for.
func (x *Counts) rows(t surgecast.Topic, counts *twitter.PremiumSearchCount, start, now time.Time) (rows []surgecast.MentionMinute, odd int) {
	final := now.Add(-x.cfg.Settle)
	for _, c := range counts.Results {
		minute, err := time.ParseInLocation(periodLayout, c.TimePeriod, time.UTC)
		switch {
		case err != nil || c.Count < 0 || minute.Before(start) || minute.After(now.Add(2*time.Minute)):
			odd++
		case minute.Add(time.Minute).After(final):
			// It may still grow. Readers take the first value they see of a minute for what was known then,
			// and would read a part as a fall.
		default:
			n := float64(c.Count)
			rows = append(rows, surgecast.MentionMinute{TopicID: t.ID, Minute: minute, Raw: n, Organic: n})
		}
	}
	slices.SortFunc(rows, func(a, b surgecast.MentionMinute) int { return a.Minute.Compare(b.Minute) })
	return rows, odd
}

// waitFor keeps every request back until the moment the answer names; without one, a minute that doubles
// to 16.
func (x *Counts) waitFor(resp *http.Response, now time.Time) {
	if unix, err := strconv.ParseInt(resp.Header.Get("x-rate-limit-reset"), 10, 64); err == nil {
		at := time.Unix(unix, 0).Add(time.Second) // its seconds are cut off: half of one too early is too early
		if at.After(now) && at.Before(now.Add(24*time.Hour)) {
			x.notBefore, x.refusals = at, 0
			return
		}
	}
	x.notBefore = now.Add(time.Minute << min(x.refusals, 4))
	x.refusals++
}
