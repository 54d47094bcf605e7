package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"surgecast"
	"surgecast/ingest/match"
)

type topicCmd struct {
	Add    topicAddCmd    `cmd:"" help:"Watch a topic: forecaster topic add touchpad --any \"touchpad,hp touchpad,#touchpad\" --not \"laptop touchpad\""`
	List   topicListCmd   `cmd:"" help:"List the topics."`
	Link   topicLinkCmd   `cmd:"" help:"Say that a topic feeds a site."`
	Remove topicRemoveCmd `cmd:"" aliases:"delete" help:"Remove a topic: says what goes and asks. Its counts stay until retention drops them."`
}

type topicAddCmd struct {
	Slug string   `arg:"" help:"Short name: a-z, 0-9 and -."`
	Name string   `help:"Name people read."`
	Any  []string `help:"Terms, any of which must appear (commas between)."`
	And  []string `help:"Terms, any of which must appear as well."`
	Not  []string `help:"Terms that must not appear."`
	Site []string `help:"Sites this topic feeds."`
}

func (c *topicAddCmd) Run(ctx context.Context, g *Global) error {
	t := surgecast.Topic{AccountID: surgecast.DefaultAccount, Slug: c.Slug, Name: c.Name, Any: c.Any, And: c.And, Not: c.Not, Since: time.Now().UTC()}
	t.Default()
	if err := t.Check(); err != nil {
		return err
	}
	if err := matchable(t); err != nil {
		return err
	}
	return withStore(ctx, g, func(db *database) error {
		for _, s := range c.Site {
			if _, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, s); err != nil {
				return unknownSite(s, err)
			}
		}
		if _, err := db.CreateTopic(ctx, t); err != nil {
			if errors.Is(err, surgecast.ErrExists) {
				return fmt.Errorf("%w: change its terms with PUT /v1/topics/%s, or remove it with `forecaster topic remove %s`", err, t.Slug, t.Slug)
			}
			return err
		}
		for _, s := range c.Site {
			if err := db.LinkTopic(ctx, surgecast.DefaultAccount, s, t.Slug, t.Since, 1); err != nil {
				return unknownSite(s, err)
			}
		}
		_, err := fmt.Fprintf(g.out, "watching topic %s: %s\n", t.Slug, termWords(t))
		return err
	})
}

// matchable refuses terms that no post could ever match.
func matchable(t surgecast.Topic) error {
	return match.Check(match.Topic{ID: t.ID, Any: t.Any, And: t.And, Not: t.Not})
}

func termWords(t surgecast.Topic) string {
	s := "any of " + strings.Join(t.Any, ", ")
	if len(t.And) > 0 {
		s += "; and any of " + strings.Join(t.And, ", ")
	}
	if len(t.Not) > 0 {
		s += "; none of " + strings.Join(t.Not, ", ")
	}
	return s
}

type topicListCmd struct{}

func (topicListCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		pasts, err := pastsRead(ctx, db)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "TOPIC\tNAME\tTERMS\tPAST")
		for after := ""; ; {
			topics, next, err := db.Topics(ctx, surgecast.DefaultAccount, surgecast.Page{Limit: 200, After: after})
			if err != nil {
				return err
			}
			for _, t := range topics {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Slug, t.Name, termWords(t), pasts[t.ID])
			}
			if next == "" {
				return w.Flush()
			}
			after = next
		}
	})
}

// pastsRead says of the topics whose past is being read how far that is, source by source.
func pastsRead(ctx context.Context, db *database) (map[int64]string, error) {
	sources, err := db.Sources(ctx)
	if err != nil {
		return nil, err
	}
	out := map[int64]string{}
	for _, src := range sources {
		if src.Mode != surgecast.Increments {
			continue
		}
		pasts, err := db.TopicPasts(ctx, src.ID)
		if err != nil {
			return nil, err
		}
		for _, p := range pasts {
			if s := p.Sentence(time.Now()); s != "" {
				out[p.TopicID] = strings.TrimSpace(out[p.TopicID] + " " + src.Slug + ": " + s)
			}
		}
	}
	return out, nil
}

type topicLinkCmd struct {
	Topic  string  `arg:"" help:"The topic."`
	Site   string  `arg:"" help:"The site it feeds."`
	Weight float64 `help:"Share of the topic's mentions that concern the site." default:"1"`
}

func (c *topicLinkCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		if _, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site); err != nil {
			return unknownSite(c.Site, err)
		}
		if _, err := db.TopicBySlug(ctx, surgecast.DefaultAccount, c.Topic); err != nil {
			return unknownTopic(c.Topic, err)
		}
		if err := db.LinkTopic(ctx, surgecast.DefaultAccount, c.Site, c.Topic, time.Now().UTC(), c.Weight); err != nil {
			return err
		}
		_, err := fmt.Fprintf(g.out, "topic %s feeds site %s\n", c.Topic, c.Site)
		return err
	})
}

type topicRemoveCmd struct {
	Slug string `arg:"" help:"The topic."`
	Yes  bool   `help:"Really, without being asked: nothing can be asked of it any more."`
}

func (c *topicRemoveCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		leaving, err := db.TopicLeaving(ctx, surgecast.DefaultAccount, c.Slug)
		if errors.Is(err, surgecast.ErrNotFound) {
			topics, _, listErr := db.Topics(ctx, surgecast.DefaultAccount, surgecast.Page{Limit: surgecast.MaxTopics})
			if listErr != nil {
				return listErr
			}
			names := make([]string, len(topics))
			for i, t := range topics {
				names[i] = t.Slug
			}
			return meant(unknownTopic(c.Slug, err), c.Slug, names)
		}
		if err != nil {
			return err
		}
		return removal{"topic", c.Slug, c.Yes, leaving, func() error { return db.DeleteTopic(ctx, surgecast.DefaultAccount, c.Slug) }}.run(g)
	})
}

// unknownTopic adds the remedy to a topic that was not found.
func unknownTopic(slug string, err error) error {
	if errors.Is(err, surgecast.ErrNotFound) {
		if !surgecast.ValidSlug(slug) { // nor could one be made
			return &surgecast.FieldError{Field: "topic", Value: slug, Detail: "is not a topic's short name", Remedy: "See `forecaster topic list`, or make a topic with `forecaster topic add SLUG`."}
		}
		return &surgecast.FieldError{Field: "topic", Value: slug, Detail: "no such topic", Remedy: "See `forecaster topic list`; make it with `forecaster topic add " + slug + "`."}
	}
	return err
}
