package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"surgecast"
)

// TopicFields is what a person says of a topic.
type TopicFields struct {
	Name string   `json:"name" maxLength:"200" required:"false" doc:"Default: the slug"`
	Any  []string `json:"any" maxItems:"64" required:"false" doc:"Any of these; default: the name"`
	And  []string `json:"and" maxItems:"64" required:"false" doc:"And any of these"`
	Not  []string `json:"not" maxItems:"64" required:"false" doc:"And none of these"`
}

// TopicNew makes a topic.
type TopicNew struct {
	Slug string `json:"slug" pattern:"^[a-z0-9][a-z0-9-]{0,62}$" doc:"Immutable name in addresses"`
	TopicFields
}

// TopicBody is a topic.
type TopicBody struct {
	Slug string `json:"slug"`
	TopicFields
	Revision  int       `json:"revision" doc:"Rises when the terms change"`
	Since     time.Time `json:"since" doc:"When this revision began to be counted"`
	Simulated bool      `json:"simulated"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`

	Talk *TalkBody `json:"talk" doc:"How it is talked about now; null in lists, and where no feed has counted it lately"`

	Past []PastBody `json:"past,omitempty" doc:"How far back its minutes are whole, in each feed that is read as it comes; absent in lists, and until the first such feed counts it"`
}

// PastBody is how far back a topic reaches in one feed. What was said before it was made is read afterwards, the newest
// first.
type PastBody struct {
	Source    string     `json:"source"`
	Since     time.Time  `json:"since" doc:"Its minutes are whole from here on"`
	ReadingTo *time.Time `json:"reading_to" doc:"The past is being read, back to here; null: it is complete"`
	Complete  bool       `json:"complete" doc:"No more of the past will be read"`
	Sentence  string     `json:"sentence" doc:"That in words while it is being read; empty afterwards"`
}

// TalkBody is how a topic is talked about now, in the feed that says most of it.
type TalkBody struct {
	At              time.Time `json:"at" doc:"The last complete bucket it was read from"`
	Source          string    `json:"source"`
	TimesUsual      Number    `json:"times_usual" doc:"null: what is usual is not known yet"`
	DoublingMinutes Number    `json:"doubling_minutes" doc:"In which mentions double; null: no growth that can be told from noise"`
	Decay           string    `json:"decay,omitempty" doc:"How mentions fell after their last peak: news, viral or word_of_mouth"`
	Sentence        string    `json:"sentence" doc:"That in words, cannot tell included; empty: nothing to say"`
}

type (
	topicOut   struct{ Body TopicBody }
	topicNewIn struct{ Body TopicNew }
	topicPutIn struct {
		TopicPath
		Body TopicFields
	}
	topicNewOut struct {
		Location string `header:"Location"`
		Body     TopicBody
	}
	topicsOut   struct{ Body List[TopicBody] }
	topicLinkIn struct {
		SitePath
		TopicPath
		Body struct {
			Since  time.Time `json:"since" required:"false" doc:"Mentions count from then on; default now"`
			Weight float64   `json:"weight" minimum:"0" maximum:"1" required:"false" doc:"Default 1. Share of the topic's mentions that concern the site"`
		} `required:"false"`
	}
	topicUnlinkIn struct {
		SitePath
		TopicPath
	}
	mentionsIn struct {
		TopicPath
		Minutes int `query:"minutes" minimum:"1" maximum:"10080" default:"60" doc:"How far back"`
	}
	mentionsOut struct{ Body MentionsBody }
)

// TopicPath names a topic in the address.
type TopicPath struct {
	Topic string `path:"topic" maxLength:"63" doc:"Slug of the topic"`
}

// LinkBody says that a topic feeds a site.
type LinkBody struct {
	Topic  string    `json:"topic"`
	Since  time.Time `json:"since"`
	Weight float64   `json:"weight"`
}

// MentionsBody is the velocity of a topic, source by source. Sources are never added here: their people
// overlap.
type MentionsBody struct {
	Topic     string           `json:"topic"`
	Simulated bool             `json:"simulated"`
	Now       time.Time        `json:"now"`
	From      time.Time        `json:"from"`
	To        time.Time        `json:"to"`
	Sources   []SourceMentions `json:"sources"`
	Copies    Number           `json:"copies_share" doc:"Of what was counted in this time, the share that is copies and suspects; null: fewer than 20 mentions"`
}

// SourceMentions is what one source said.
type SourceMentions struct {
	Source      string         `json:"source"`
	Kind        string         `json:"kind"`
	StepSeconds int            `json:"step_seconds"`
	Simulated   bool           `json:"simulated"`
	Recent      MentionRate    `json:"recent" doc:"Mean of the last 5 minutes that were counted; of a source with longer buckets, its last"`
	Points      []MentionPoint `json:"points"`
}

// MentionRate is how many mentions a bucket has.
type MentionRate struct {
	Raw     Number `json:"raw"`
	Organic Number `json:"organic"`
	Authors Number `json:"authors"`
}

// MentionPoint is one bucket; null where nothing was counted, which is not zero.
type MentionPoint struct {
	At      time.Time `json:"at"`
	Raw     Number    `json:"raw"`
	Organic Number    `json:"organic"`
	Authors Number    `json:"authors"`
}

func (s *Server) topicRoutes() {
	register(s, operation("GET", "/v1/topics", "list-topics", "Topics"), surgecast.ScopeRead, s.listTopics)
	op := operation("POST", "/v1/topics", "create-topic", "Count a topic from now on")
	op.Description = mostOf(surgecast.MaxTopics, "topics")
	registerMaking(s, op, surgecast.ScopeWrite, s.createTopic)
	register(s, operation("GET", "/v1/topics/{topic}", "get-topic", "One topic"), surgecast.ScopeRead, s.getTopic)
	register(s, operation("PUT", "/v1/topics/{topic}", "put-topic", "Change a topic; other terms start a revision"), surgecast.ScopeWrite, s.putTopic)
	op = operation("DELETE", "/v1/topics/{topic}", "delete-topic", "Stop counting a topic")
	op.Description = "Goes at once: its terms, links to sites and model. An open surge of it is closed within seconds, and surge.closed is sent. " +
		"Its minutes and forecasts stay, unreachable by its name, until retention drops them; its surges stay. A new topic of the same slug begins with nothing."
	register(s, op, surgecast.ScopeWrite, s.deleteTopic)
	register(s, operation("GET", "/v1/topics/{topic}/mentions", "topic-mentions", "Mentions by source, minute by minute"), surgecast.ScopeRead, s.mentions)
	register(s, operation("GET", "/v1/sites/{site}/topics", "site-topics", "Topics that feed a site"), surgecast.ScopeRead, s.siteTopics)
	register(s, operation("PUT", "/v1/sites/{site}/topics/{topic}", "link-topic", "Let a topic feed a site"), surgecast.ScopeWrite, s.linkTopic)
	register(s, operation("DELETE", "/v1/sites/{site}/topics/{topic}", "unlink-topic", "A topic no longer feeds a site"), surgecast.ScopeWrite, s.unlinkTopic)
}

func (s *Server) listTopics(ctx context.Context, in *PageQuery) (*topicsOut, error) {
	p, err := in.page("topics")
	if err != nil {
		return nil, err
	}
	topics, next, err := s.c.Store.Topics(ctx, caller(ctx).account, p)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	return &topicsOut{listOf("topics", topics, next, topicBody)}, nil
}

func (s *Server) createTopic(ctx context.Context, in *topicNewIn) (*topicNewOut, error) {
	who := caller(ctx)
	if p := who.bound(); p != nil {
		return nil, p
	}
	t := surgecast.Topic{AccountID: who.account, Slug: in.Body.Slug, Since: s.now(), CreatedAt: s.now(), UpdatedAt: s.now()}
	if err := s.described(in.Body.TopicFields, &t); err != nil {
		return nil, err
	}
	made, err := s.c.Store.CreateTopic(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("creating topic %s: %w", t.Slug, err)
	}
	return &topicNewOut{Location: "/v1/topics/" + made.Slug, Body: topicBody(made)}, nil
}

func (s *Server) getTopic(ctx context.Context, in *TopicPath) (*topicOut, error) {
	t, err := s.topic(ctx, in.Topic)
	if err != nil {
		return nil, err
	}
	b := topicBody(t)
	if s.c.Talk != nil {
		now, err := s.c.Talk(ctx, t, s.now())
		if err != nil {
			return nil, fmt.Errorf("hearing how %s is talked about: %w", t.Slug, err)
		}
		if now.Source != "" {
			b.Talk = &TalkBody{now.At, publicSource(now.Source, t.AccountID), Number(now.TimesUsual), Number(unknownIfZero(now.DoublingMinutes)), now.Decay, now.Sentence}
		}
	}
	if b.Past, err = s.pastOf(ctx, t); err != nil {
		return nil, fmt.Errorf("asking how far back %s reaches: %w", t.Slug, err)
	}
	return &topicOut{b}, nil
}

// pastOf is how far back a topic reaches, feed by feed.
func (s *Server) pastOf(ctx context.Context, t surgecast.Topic) ([]PastBody, error) {
	pasts, err := s.c.Store.PastsOf(ctx, t.ID)
	if err != nil || len(pasts) == 0 {
		return nil, err
	}
	sources, err := s.c.Store.Sources(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing sources: %w", err)
	}
	var out []PastBody
	for _, src := range sources {
		p, ok := pasts[src.ID]
		if !ok {
			continue
		}
		b := PastBody{Source: publicSource(src.Slug, t.AccountID), Since: p.Since.UTC(), Complete: p.BackTo.IsZero(), Sentence: p.Sentence(s.now())}
		if !b.Complete {
			to := p.BackTo.UTC()
			b.ReadingTo = &to
		}
		out = append(out, b)
	}
	return out, nil
}

func (s *Server) putTopic(ctx context.Context, in *topicPutIn) (*topicOut, error) {
	if p := caller(ctx).bound(); p != nil {
		return nil, p
	}
	t, err := s.topic(ctx, in.Topic)
	if err != nil {
		return nil, err
	}
	if err := s.described(in.Body, &t); err != nil {
		return nil, err
	}
	t.UpdatedAt = s.now()
	t, err = s.c.Store.UpdateTopic(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("changing topic %s: %w", in.Topic, err)
	}
	return &topicOut{topicBody(t)}, nil
}

func (s *Server) deleteTopic(ctx context.Context, in *TopicPath) (*struct{}, error) {
	if p := caller(ctx).bound(); p != nil {
		return nil, p
	}
	t, err := s.topic(ctx, in.Topic)
	if err != nil {
		return nil, err
	}
	if err := s.c.Store.DeleteTopic(ctx, t.AccountID, t.Slug); err != nil {
		return nil, fmt.Errorf("deleting topic %s: %w", in.Topic, err)
	}
	return nil, nil
}

func (s *Server) mentions(ctx context.Context, in *mentionsIn) (*mentionsOut, error) {
	t, err := s.topic(ctx, in.Topic)
	if err != nil {
		return nil, err
	}
	sources, err := s.c.Store.Sources(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing sources: %w", err)
	}
	now := s.now()
	to := now.Truncate(time.Minute)
	from := to.Add(-time.Duration(in.Minutes) * time.Minute)
	out := &mentionsOut{MentionsBody{Topic: t.Slug, Simulated: t.Simulated, Now: now, From: from, To: to, Sources: []SourceMentions{}, Copies: Number(math.NaN())}}
	var raw, organic float64
	for _, src := range sources {
		buckets, err := s.c.Store.Mentions(ctx, t.ID, src.ID, from, to, false)
		if err != nil {
			return nil, fmt.Errorf("reading mentions of %s from %s: %w", t.Slug, src.Slug, err)
		}
		m := SourceMentions{Source: publicSource(src.Slug, t.AccountID), Kind: string(src.Kind), StepSeconds: src.StepSeconds, Simulated: src.Simulated, Points: make([]MentionPoint, 0, len(buckets))}
		var counted []surgecast.MentionBucket
		for _, b := range buckets {
			p := MentionPoint{At: b.Minute.UTC(), Raw: Number(b.Raw), Organic: Number(b.Organic), Authors: Number(b.Authors)}
			if b.Missing {
				unknown := Number(math.NaN())
				p.Raw, p.Organic, p.Authors = unknown, unknown, unknown
			} else {
				counted = append(counted, b)
				raw, organic = raw+b.Raw, organic+b.Organic
			}
			m.Points = append(m.Points, p)
		}
		if len(counted) > 0 { // a source that never counted this topic is no series
			m.Recent = recentOf(counted[max(0, len(counted)-max(1, recentSeconds/max(60, src.StepSeconds))):])
			out.Body.Sources = append(out.Body.Sources, m)
		}
	}
	if raw >= leastCopied {
		out.Body.Copies = Number(max(0, 1-organic/raw))
	}
	return out, nil
}

const (
	recentSeconds = 300 // what "now" is, as a check has it
	leastCopied   = 20  // fewer mentions tell nothing of copying
)

func recentOf(last []surgecast.MentionBucket) MentionRate {
	var r MentionRate
	n := Number(len(last))
	for _, b := range last {
		r.Raw, r.Organic, r.Authors = r.Raw+Number(b.Raw)/n, r.Organic+Number(b.Organic)/n, r.Authors+Number(b.Authors)/n
	}
	return r
}

func (s *Server) siteTopics(ctx context.Context, in *SitePath) (*struct{ Body List[LinkBody] }, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	links, err := s.c.Store.SiteTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the topics of %s: %w", in.Site, err)
	}
	topics, _, err := s.c.Store.Topics(ctx, site.AccountID, surgecast.Page{Limit: surgecast.MaxTopics})
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	names := make(map[int64]string, len(topics))
	for _, t := range topics {
		names[t.ID] = t.Slug
	}
	out := &struct{ Body List[LinkBody] }{List[LinkBody]{Items: []LinkBody{}}}
	for _, l := range links {
		if l.SiteID == site.ID && names[l.TopicID] != "" {
			out.Body.Items = append(out.Body.Items, LinkBody{Topic: names[l.TopicID], Since: l.Since.UTC(), Weight: l.Weight})
		}
	}
	return out, nil
}

func (s *Server) linkTopic(ctx context.Context, in *topicLinkIn) (*struct{}, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	t, err := s.topic(ctx, in.Topic)
	if err != nil {
		return nil, err
	}
	since := in.Body.Since
	if since.IsZero() {
		since = s.now()
	}
	weight := in.Body.Weight
	if weight == 0 {
		weight = 1
	}
	if err := s.c.Store.LinkTopic(ctx, site.AccountID, site.Slug, t.Slug, since.UTC(), weight); err != nil {
		return nil, fmt.Errorf("linking %s to %s: %w", t.Slug, site.Slug, err)
	}
	return nil, nil
}

func (s *Server) unlinkTopic(ctx context.Context, in *topicUnlinkIn) (*struct{}, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	t, err := s.topic(ctx, in.Topic)
	if err != nil {
		return nil, err
	}
	if err := s.c.Store.UnlinkTopic(ctx, site.AccountID, site.Slug, t.Slug); err != nil {
		return nil, fmt.Errorf("unlinking %s from %s: %w", t.Slug, site.Slug, err)
	}
	return nil, nil
}

// topic reads a topic of the caller's account, or says that there is none.
func (s *Server) topic(ctx context.Context, slug string) (surgecast.Topic, error) {
	if !surgecast.ValidSlug(slug) {
		return surgecast.Topic{}, notFound("topic", slug)
	}
	t, err := s.c.Store.TopicBySlug(ctx, caller(ctx).account, slug)
	if errors.Is(err, surgecast.ErrNotFound) {
		return t, notFound("topic", slug)
	}
	if err != nil {
		return t, fmt.Errorf("reading topic %s: %w", slug, err)
	}
	return t, nil
}

// described puts what a person said into a topic and refuses terms that could never be found.
func (s *Server) described(f TopicFields, t *surgecast.Topic) error {
	t.Name = strings.TrimSpace(f.Name)
	t.Any, t.And, t.Not = f.Any, f.And, f.Not
	t.Default()
	if err := t.Check(); err != nil {
		return err
	}
	if s.c.CheckTopic != nil {
		return s.c.CheckTopic(*t)
	}
	return nil
}

func topicBody(t surgecast.Topic) TopicBody {
	return TopicBody{
		Slug: t.Slug,
		TopicFields: TopicFields{
			Name: t.Name, Any: append([]string{}, t.Any...), And: append([]string{}, t.And...), Not: append([]string{}, t.Not...),
		},
		Revision: t.Revision, Since: t.Since.UTC(), Simulated: t.Simulated, CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(),
	}
}
