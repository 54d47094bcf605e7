package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"surgecast"
	"surgecast/traffic"
)

type importCmd struct {
	Mentions importMentionsCmd `cmd:"" help:"Import counts of mentions (minute,topic,source,count[,authors][,reach] or timestamp_utc,series,value)."`
	Traffic  importTrafficCmd  `cmd:"" help:"Import a site's requests (minute,requests[,segment,errors,rejected,p95_ms,units] or timestamp_utc,series,value)."`
}

type importMentionsCmd struct {
	File   string `arg:"" type:"existingfile" help:"CSV, plain or gzipped."`
	Source string `help:"Source of rows that do not name one. Default: csv: and the file's name." placeholder:"SLUG"`
	Create bool   `help:"Make topics the file names and nobody watches yet."`
	Site   string `help:"Link the topics to this site." placeholder:"SITE"`
}

func (c *importMentionsCmd) Run(ctx context.Context, g *Global) error {
	now := time.Now().UTC()
	f, err := readMentions(c.File, now, c.Source)
	if err != nil {
		return err
	}
	return withStore(ctx, g, func(db *database) error {
		// Everything that can be wrong is looked at before anything is made.
		if c.Site != "" {
			if _, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site); err != nil {
				return unknownSite(c.Site, err)
			}
		}
		topics := map[string]int64{}
		var missing []string
		for _, slug := range f.topics {
			t, err := db.TopicBySlug(ctx, surgecast.DefaultAccount, slug)
			switch {
			case err == nil:
				topics[slug] = t.ID
			case errors.Is(err, surgecast.ErrNotFound) && c.Create:
				missing = append(missing, slug)
			case errors.Is(err, surgecast.ErrNotFound):
				return &surgecast.FieldError{Field: "topic", Value: slug, Detail: "is not watched", Remedy: "Make it with `forecaster topic add " + slug + "`, or import with --create. Nothing was imported."}
			default:
				return err
			}
		}
		sources := map[string]int64{}
		for slug, step := range f.steps {
			src, err := db.EnsureSource(ctx, surgecast.Source{Slug: slug, Kind: surgecast.SourcePosts, Mode: surgecast.Absolute, StepSeconds: step})
			if err != nil {
				return fmt.Errorf("source %s: %w", slug, err)
			}
			sources[slug] = src.ID
		}
		undo := func(err error) error {
			for _, slug := range missing {
				if topics[slug] == 0 {
					continue
				}
				if uerr := db.DeleteTopic(context.WithoutCancel(ctx), surgecast.DefaultAccount, slug); uerr != nil {
					err = errors.Join(err, fmt.Errorf("topic %s was made and could not be removed again: %w", slug, uerr))
				}
			}
			return err
		}
		for _, slug := range missing {
			t, err := ensureTopic(ctx, db, slug, f.names[slug], f.rows[0].Minute)
			if err != nil {
				return undo(err)
			}
			topics[slug] = t.ID
		}
		rows := make([]surgecast.MentionMinute, len(f.rows))
		for i, r := range f.rows {
			r.TopicID, r.SourceID = topics[r.Topic], sources[r.Source]
			rows[i] = r.MentionMinute
		}
		w, err := db.PutMentions(ctx, rows, now)
		if err != nil {
			return undo(fmt.Errorf("importing %s: %w; nothing was imported", c.File, err))
		}
		if c.Site != "" {
			for _, slug := range f.topics {
				if err := db.LinkTopic(ctx, surgecast.DefaultAccount, c.Site, slug, f.rows[0].Minute, 1); err != nil {
					return fmt.Errorf("the mentions are imported, but: %w; link with `forecaster topic link %s %s`", err, slug, c.Site)
				}
			}
		}
		_, err = fmt.Fprintf(g.out, "imported %s of %s: %d new, %d changed, %d as they were\n", counted(len(rows), "bucket"), counted(len(topics), "topic"), w.Inserted, w.Changed, w.Unchanged)
		return err
	})
}

type importTrafficCmd struct {
	File   string `arg:"" type:"existingfile" help:"CSV, plain or gzipped."`
	Site   string `required:"" help:"Whose traffic it is." placeholder:"SITE"`
	Series string `help:"Which series of a file that holds several." placeholder:"NAME"`
}

func (c *importTrafficCmd) Run(ctx context.Context, g *Global) error {
	now := time.Now().UTC()
	rows, err := readTraffic(c.File, now, c.Series)
	if err != nil {
		return err
	}
	return withStore(ctx, g, func(db *database) error {
		s, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site)
		if err != nil {
			return unknownSite(c.Site, err)
		}
		for i := range rows {
			rows[i].SiteID = s.ID
		}
		traffic.Mark(s.Capacity, rows)
		w, err := db.PutTraffic(ctx, rows, now)
		if err != nil {
			return fmt.Errorf("importing %s: %w; nothing was imported", c.File, err)
		}
		_, err = fmt.Fprintf(g.out, "imported %s of %s: %d new, %d changed, %d as they were\n", counted(len(rows), "minute"), s.Slug, w.Inserted, w.Changed, w.Unchanged)
		return err
	})
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
