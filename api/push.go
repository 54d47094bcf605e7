package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"surgecast"
)

// TrafficRow is what a site served in one UTC minute.
type TrafficRow struct {
	Minute   time.Time `json:"minute" doc:"Start of the minute, RFC 3339"`
	Requests *float64  `json:"requests" minimum:"0" doc:"Requests in that minute"`
	Segment  string    `json:"segment,omitempty" doc:"Kind of traffic; default total"`
	Errors   *float64  `json:"errors,omitempty" minimum:"0" doc:"Of them answered with an error"`
	Rejected *float64  `json:"rejected,omitempty" minimum:"0" doc:"Of the requests, turned away to protect the site"`
	P95MS    *float64  `json:"p95_ms,omitempty" minimum:"0" doc:"95 in 100 answers were faster"`
	Units    *int      `json:"units,omitempty" minimum:"0" doc:"Units seen serving"`
	Final    *bool     `json:"final,omitempty" doc:"Nothing will be added to this minute; default true once it has ended"`
}

// CountRow is how often a topic was mentioned in one bucket, as a vendor counts it.
type CountRow struct {
	Topic   string    `json:"topic" doc:"Slug of the topic"`
	Source  string    `json:"source,omitempty" doc:"Who counted, for example brandwatch:acme; a sender that is bound to a source may leave it out"`
	Minute  time.Time `json:"minute" doc:"Start of the minute, RFC 3339"`
	Count   *float64  `json:"count" minimum:"0" doc:"Mentions in that minute; replaces what was sent before"`
	Authors *float64  `json:"authors,omitempty" minimum:"0" doc:"Different authors"`
	Organic *float64  `json:"organic,omitempty" minimum:"0" doc:"Without reposts and copies"`
	Reach   *float64  `json:"reach,omitempty" minimum:"0"`
	Final   *bool     `json:"final,omitempty" doc:"Only final minutes are stored; default true"`
}

// PushBody says what became of pushed rows.
type PushBody struct {
	Accepted  int             `json:"accepted" doc:"Rows that were new or changed something"`
	Unchanged int             `json:"unchanged" doc:"Rows that were already stored so"`
	NotFinal  int             `json:"not_final" doc:"Rows left out because they may still change"`
	Errors    []ProblemDetail `json:"errors" doc:"Always empty here: with one bad row nothing is stored, and a problem names the rows"`
}

// SignatureIn is what a signed message has in place of a key. It was checked before anything was read.
type SignatureIn struct {
	Sender    string `query:"sender" maxLength:"60" doc:"Who signed: psh_… of POST /v1/senders"`
	MessageID string `header:"webhook-id" maxLength:"200" doc:"Of a signed message: the same for every attempt"`
	SignedAt  string `header:"webhook-timestamp" maxLength:"20" doc:"Of a signed message: Unix seconds of this attempt"`
	Signature string `header:"webhook-signature" maxLength:"2000" doc:"Of a signed message: v1, and base64; several with spaces between"`
}

type (
	trafficIn struct {
		SitePath
		SignatureIn
		IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"Repeating a request with the same key and body gets the same answer; with another body: 422; while the first is at work: 409"`
		RawBody        []byte
	}
	countsIn struct {
		SignatureIn
		IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"Repeating a request with the same key and body gets the same answer; with another body: 422; while the first is at work: 409. Required; of a signed message webhook-id stands for it"`
		RawBody        []byte
	}
	pushOut struct{ Body PushBody }
)

var (
	segmentName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	sourceName  = regexp.MustCompile(`^[a-z0-9][a-z0-9:._-]{0,62}$`)
)

const (
	trafficPath = "/v1/sites/{site}/traffic"
	countsPath  = "/v1/ingest/counts"
)

func (s *Server) isPush(fullPath string) bool {
	return fullPath == countsPath || fullPath == "/v1/sites/:site/traffic"
}

func (s *Server) pushRoutes() {
	s.api.OpenAPI().Components.SecuritySchemes[signatureScheme] = &huma.SecurityScheme{Type: "apiKey", In: "header", Name: signatureHeader, Description: signatureStandard}
	op := pushOperation[TrafficRow](s, trafficPath, "push-traffic", "Push what a site served, minute by minute")
	register(s, op, surgecast.ScopeWrite, s.pushTraffic)
	op = pushOperation[CountRow](s, countsPath, "push-counts", "Push counts of mentions")
	register(s, op, surgecast.ScopeWrite, s.pushCounts)
	s.senderRoutes()
}

func pushOperation[T any](s *Server, path, id, summary string) huma.Operation {
	op := operation("POST", path, id, summary)
	op.DefaultStatus = http.StatusAccepted
	op.Security = append(slices.Clone(s.api.OpenAPI().Security), map[string][]string{signatureScheme: {}})
	op.Description = "A JSON array of rows or NDJSON, gzip or not: at most 10,000 rows and 5 MB. Values replace what was sent before, so repeating is harmless. With one bad row nothing is stored."
	op.SkipValidateBody = true // rows are checked one by one, so that the answer names them
	row := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
	op.RequestBody = &huma.RequestBody{
		Required: true,
		Content: map[string]*huma.MediaType{
			"application/json":     {Schema: &huma.Schema{Type: huma.TypeArray, Items: row}},
			"application/x-ndjson": {Schema: row},
		},
	}
	return op
}

func (s *Server) pushTraffic(ctx context.Context, in *trafficIn) (*pushOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if p := caller(ctx).mayPushTraffic(); p != nil {
		return nil, p
	}
	return s.once(ctx, "traffic:"+site.Slug, pushKey(ctx, in.IdempotencyKey, in.MessageID), in.RawBody, func() (PushBody, error) {
		now := s.now()
		var bad badRows
		var rows []surgecast.TrafficMinute
		seen := map[trafficBucket]int{}
		p := eachRow(in.RawBody, &bad, func(n int, r TrafficRow) {
			row, d, ok := r.minute(n, site, now, s.c.Saturated)
			if !ok {
				bad.add(d)
				return
			}
			at := trafficBucket{row.Segment, row.Minute}
			if before, twice := seen[at]; twice {
				bad.add(ProblemDetail{Row: n, Field: "minute", Code: codeConflict, Detail: fmt.Sprintf("the same minute and segment as row %d", before), Remedy: "Send each minute once."})
				return
			}
			seen[at] = n
			rows = append(rows, row)
		})
		if p != nil {
			return PushBody{}, p
		}
		if d, ok := tooManySegments(site, rows); !ok {
			bad.add(d)
		}
		if p := bad.problem(); p != nil {
			return PushBody{}, p
		}
		w, err := s.c.Store.PutTraffic(ctx, rows, now)
		if err != nil {
			return PushBody{}, fmt.Errorf("storing traffic of %s: %w", site.Slug, err)
		}
		return PushBody{Accepted: w.Inserted + w.Changed, Unchanged: w.Unchanged, Errors: []ProblemDetail{}}, nil
	})
}

type trafficBucket struct {
	segment string
	minute  time.Time
}

func (r TrafficRow) minute(n int, site surgecast.Site, now time.Time, saturated func(surgecast.CapacityProfile, surgecast.TrafficMinute) bool) (surgecast.TrafficMinute, ProblemDetail, bool) {
	var m surgecast.TrafficMinute
	if d, ok := checkMinute(n, r.Minute.UTC(), now); !ok {
		return m, d, false
	}
	if r.Requests == nil {
		return m, ProblemDetail{Row: n, Field: "requests", Code: codeMissingField, Detail: "requests is missing", Remedy: "Send how many requests that minute had; leave the row out if nobody knows."}, false
	}
	for _, f := range []struct {
		name string
		x    *float64
	}{{"requests", r.Requests}, {"errors", r.Errors}, {"rejected", r.Rejected}, {"p95_ms", r.P95MS}} {
		if d, ok := negative(n, f.name, f.x); !ok {
			return m, d, false
		}
	}
	if r.Units != nil && (*r.Units < 0 || *r.Units > 1e6) {
		return m, ProblemDetail{Row: n, Field: "units", Code: codeInvalidValue, Detail: "out of range", Remedy: "Send how many units were seen serving."}, false
	}
	segment := r.Segment
	if segment == "" {
		segment = surgecast.TotalSegment
	}
	if !segmentName.MatchString(segment) {
		return m, ProblemDetail{Row: n, Field: "segment", Code: codeInvalidValue, Detail: "not a name of a segment", Remedy: "Use a-z, 0-9, - and _, at most 63."}, false
	}
	m = surgecast.TrafficMinute{SiteID: site.ID, Segment: segment, Minute: r.Minute.UTC(), Requests: *r.Requests}
	if r.Errors != nil {
		m.Errors = *r.Errors
	}
	if r.Rejected != nil {
		m.Rejected = *r.Rejected
	}
	if r.P95MS != nil {
		m.P95MS = *r.P95MS
	}
	if r.Units != nil {
		m.UnitsObserved = *r.Units
	}
	// A minute that still runs is not complete, whatever the sender says.
	m.Complete = !m.Minute.Add(time.Minute).After(now) && (r.Final == nil || *r.Final)
	m.Saturated = saturated != nil && saturated(site.Capacity, m)
	return m, ProblemDetail{}, true
}

// tooManySegments: a site tells at most 16 kinds of traffic apart; a typing error in a sender must not
// make thousands of series.
func tooManySegments(site surgecast.Site, rows []surgecast.TrafficMinute) (ProblemDetail, bool) {
	var names []string
	for _, g := range site.Segments {
		names = append(names, g.Name)
	}
	for i, r := range rows {
		if r.Segment == surgecast.TotalSegment || slices.Contains(names, r.Segment) {
			continue
		}
		if names = append(names, r.Segment); len(names) > surgecast.MaxSegments {
			return ProblemDetail{Row: i + 1, Field: "segment", Code: codeLimit, Detail: fmt.Sprintf("more than %d segments", surgecast.MaxSegments), Remedy: "Group kinds of traffic."}, false
		}
	}
	return ProblemDetail{}, true
}

func (s *Server) pushCounts(ctx context.Context, in *countsIn) (*pushOut, error) {
	who := caller(ctx)
	if p := who.mayCount(); p != nil {
		return nil, p
	}
	key := pushKey(ctx, in.IdempotencyKey, in.MessageID)
	if key == "" {
		return nil, fieldProblem("Idempotency-Key", codeMissingField, "Idempotency-Key is missing", "Send Idempotency-Key: the same for every attempt of a message, another for every message.")
	}
	return s.once(ctx, "counts", key, in.RawBody, func() (PushBody, error) {
		now := s.now()
		var bad badRows
		var good []CountRow
		var at []int
		p := eachRow(in.RawBody, &bad, func(n int, r CountRow) {
			if r.Source == "" {
				r.Source = who.source
			}
			if who.source != "" && r.Source != who.source {
				bad.add(ProblemDetail{Row: n, Field: "source", Code: codeInvalidValue, Detail: "this sender counts for " + who.source + " only", Remedy: "Leave source out, or make another sender for it."})
				return
			}
			if d, ok := r.check(n, now); !ok {
				bad.add(d)
				return
			}
			good, at = append(good, r), append(at, n)
		})
		if p != nil {
			return PushBody{}, p
		}
		rows, notFinal, err := s.mentionRows(ctx, who.account, good, at, &bad)
		if err != nil {
			return PushBody{}, err
		}
		if p := bad.problem(); p != nil {
			return PushBody{}, p
		}
		w, err := s.c.Store.PutMentions(ctx, rows, now)
		if err != nil {
			return PushBody{}, fmt.Errorf("storing counts: %w", err)
		}
		return PushBody{Accepted: w.Inserted + w.Changed, Unchanged: w.Unchanged, NotFinal: notFinal, Errors: []ProblemDetail{}}, nil
	})
}

func (r CountRow) check(n int, now time.Time) (ProblemDetail, bool) {
	if d, ok := checkMinute(n, r.Minute.UTC(), now); !ok {
		return d, false
	}
	if r.Count == nil {
		return ProblemDetail{Row: n, Field: "count", Code: codeMissingField, Detail: "count is missing", Remedy: "Send how many mentions that minute had; leave the row out if nobody knows."}, false
	}
	for _, f := range []struct {
		name string
		x    *float64
	}{{"count", r.Count}, {"authors", r.Authors}, {"organic", r.Organic}, {"reach", r.Reach}} {
		if d, ok := negative(n, f.name, f.x); !ok {
			return d, false
		}
	}
	if r.Topic == "" {
		return ProblemDetail{Row: n, Field: "topic", Code: codeMissingField, Detail: "topic is missing", Remedy: "Send the slug of a topic."}, false
	}
	if !sourceName.MatchString(r.Source) {
		return ProblemDetail{Row: n, Field: "source", Code: codeInvalidValue, Detail: "not a name of a source", Remedy: "Say who counted, for example brandwatch:acme: a-z, 0-9 and : . _ -, at most 63."}, false
	}
	return ProblemDetail{}, true
}

// mentionRows finds the topics and sources of rows that are good so far; each is looked up once.
func (s *Server) mentionRows(ctx context.Context, account int64, good []CountRow, at []int, bad *badRows) (rows []surgecast.MentionMinute, notFinal int, err error) {
	topics := map[string]int64{}
	for i, r := range good {
		id, known := topics[r.Topic]
		if !known {
			if surgecast.ValidSlug(r.Topic) {
				t, err := s.c.Store.TopicBySlug(ctx, account, r.Topic)
				if err != nil && !errors.Is(err, surgecast.ErrNotFound) {
					return nil, 0, fmt.Errorf("reading topic %s: %w", r.Topic, err)
				}
				id = t.ID
			}
			topics[r.Topic] = id
		}
		if id == 0 {
			bad.add(ProblemDetail{Row: at[i], Field: "topic", Code: codeNotFound, Detail: fmt.Sprintf("no topic %q", short(r.Topic)), Remedy: "Make it first with POST /v1/topics."})
		}
	}
	if bad.total == 0 {
		if err := s.fewSources(ctx, account, good, at, bad); err != nil {
			return nil, 0, err
		}
	}
	if bad.total > 0 {
		return nil, 0, nil // sources are made on first use: not for a request that is refused
	}
	sources := map[string]int64{}
	type bucket struct {
		topic, source int64
		minute        time.Time
	}
	seen := map[bucket]int{}
	for i, r := range good {
		if r.Final != nil && !*r.Final || r.Minute.Add(time.Minute).After(s.now()) {
			notFinal++ // a minute that may still grow would be read as a fall
			continue
		}
		slug := privateSource(r.Source, account)
		id, known := sources[slug]
		if !known {
			src, err := s.c.Store.EnsureSource(ctx, surgecast.Source{Slug: slug, Kind: surgecast.SourcePush, Mode: surgecast.Absolute, StepSeconds: 60})
			if err != nil {
				return nil, 0, fmt.Errorf("reading source %s: %w", slug, err)
			}
			id = src.ID
			sources[slug] = id
		}
		b := bucket{topics[r.Topic], id, r.Minute.UTC()}
		if before, twice := seen[b]; twice {
			bad.add(ProblemDetail{Row: at[i], Field: "minute", Code: codeConflict, Detail: fmt.Sprintf("the same topic, source and minute as row %d", before), Remedy: "Send each minute once."})
			continue
		}
		seen[b] = at[i]
		m := surgecast.MentionMinute{TopicID: b.topic, SourceID: id, Minute: b.minute, Raw: *r.Count, Organic: *r.Count}
		if r.Organic != nil {
			m.Organic = *r.Organic
		}
		if r.Authors != nil {
			m.Authors = *r.Authors
		}
		if r.Reach != nil {
			m.Reach = *r.Reach
		}
		rows = append(rows, m)
	}
	return rows, notFinal, nil
}

// mostPushSources is how many sources of its own an account may push. Every source is looked after by itself, every
// two seconds: a sender that puts something else into the field must not make thousands.
const mostPushSources = 100

// fewSources refuses rows of a new source when the account has as many as it may.
func (s *Server) fewSources(ctx context.Context, account int64, rows []CountRow, at []int, bad *badRows) error {
	all, err := s.c.Store.Sources(ctx)
	if err != nil {
		return fmt.Errorf("listing sources: %w", err)
	}
	mine := map[string]bool{}
	for _, src := range all {
		if strings.HasPrefix(src.Slug, "push:") && !foreignSource(src.Slug, account) {
			mine[src.Slug] = true
		}
	}
	for i, r := range rows {
		slug := privateSource(r.Source, account)
		if mine[slug] {
			continue
		}
		if len(mine) >= mostPushSources {
			bad.add(ProblemDetail{Row: at[i], Field: "source", Code: codeLimit, Detail: fmt.Sprintf("more than %d pushed sources", mostPushSources), Remedy: "Say who counted, not what: use the names of the sources you have."})
			continue
		}
		mine[slug] = true
	}
	return nil
}

// privateSource keeps the pushed sources of accounts apart: sources are of the whole installation.
func privateSource(name string, account int64) string {
	if account == surgecast.DefaultAccount {
		return "push:" + name
	}
	return fmt.Sprintf("push:%d/%s", account, name)
}

// publicSource is the name the account gave.
func publicSource(slug string, account int64) string {
	if rest, ok := strings.CutPrefix(slug, fmt.Sprintf("push:%d/", account)); ok {
		return "push:" + rest
	}
	return slug
}

// foreignSource reports whether a pushed source is of another account.
func foreignSource(slug string, account int64) bool {
	if !strings.HasPrefix(slug, "push:") {
		return false
	}
	if strings.Contains(slug, "/") {
		return !strings.HasPrefix(slug, fmt.Sprintf("push:%d/", account))
	}
	return account != surgecast.DefaultAccount
}
