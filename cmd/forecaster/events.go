package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"surgecast"
)

type eventCmd struct {
	Add    eventAddCmd    `cmd:"" help:"Plan an event: a newsletter, a sale, an on-sale."`
	List   eventListCmd   `cmd:"" help:"List planned events."`
	Remove eventRemoveCmd `cmd:"" help:"Take an event back that will not happen."`
}

type eventAddCmd struct {
	Site      string    `arg:"" help:"The site."`
	Kind      string    `help:"sale, newsletter, tv_spot, celebrity_post, push, on_sale, announcement, match, breaking or article. Default: the site's usual one." placeholder:"KIND"`
	Name      string    `help:"Name people read. Default: the kind."`
	Start     time.Time `required:"" help:"When it starts (2006-01-02T15:04:05Z, or with an offset)." placeholder:"TIME"`
	End       time.Time `help:"When it ends, of what lasts: a sale, a match." placeholder:"TIME"`
	Reach     float64   `help:"How many people are told. Without it the event is expected to be as large as its kind usually is." placeholder:"PEOPLE"`
	Announced time.Time `help:"Forecasts issued before do not know of it. Default: now." placeholder:"TIME"`
}

func (c *eventAddCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		site, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site)
		if err != nil {
			return unknownSite(c.Site, err)
		}
		now := time.Now().UTC()
		kind, _ := surgecast.ParseEventKind(c.Kind) // an unknown one is refused below, by name
		e := surgecast.PlannedEvent{
			AccountID: site.AccountID, SiteID: site.ID, Kind: kind, Name: c.Name, StartsAt: c.Start, EndsAt: c.End,
			ExpectedReach: c.Reach, AnnouncedAt: c.Announced, CreatedAt: now, UpdatedAt: now,
		}
		e.Default(site.Kind, now)
		if err := e.CheckNew(now); err != nil {
			return err
		}
		e, err = db.CreateEvent(ctx, e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(g.out, "planned %s for %s: %s at %s\nForecasts know of it from %s on.\n",
			e.ID, site.Slug, e.Name, e.StartsAt.Format(time.RFC3339), e.AnnouncedAt.Format(time.RFC3339))
		return err
	})
}

type eventListCmd struct {
	Site string    `help:"Only of this site."`
	From time.Time `help:"Only those that last or begin then or later. Default: all." placeholder:"TIME"`
}

func (c *eventListCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		f := surgecast.EventFilter{From: c.From}
		if c.Site != "" {
			site, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site)
			if err != nil {
				return unknownSite(c.Site, err)
			}
			f.SiteIDs = []int64{site.ID}
		}
		w := tabwriter.NewWriter(g.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "EVENT\tSITE\tKIND\tNAME\tSTARTS\tENDS\tREACH")
		for after := ""; ; {
			es, next, err := db.Events(ctx, surgecast.DefaultAccount, f, surgecast.Page{Limit: 200, After: after})
			if err != nil {
				return err
			}
			for _, e := range es {
				ends, reach := "", ""
				if !e.EndsAt.IsZero() {
					ends = e.EndsAt.Format(time.RFC3339)
				}
				if e.ExpectedReach > 0 {
					reach = fmt.Sprintf("%.0f", e.ExpectedReach)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Site, e.Kind, e.Name, e.StartsAt.Format(time.RFC3339), ends, reach)
			}
			if next == "" {
				return w.Flush()
			}
			after = next
		}
	})
}

type eventRemoveCmd struct {
	ID string `arg:"" help:"The event: evt_…"`
}

func (c *eventRemoveCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		err := db.DeleteEvent(ctx, surgecast.DefaultAccount, c.ID, time.Now().UTC())
		if errors.Is(err, surgecast.ErrNotFound) {
			return &surgecast.FieldError{Field: "event", Value: c.ID, Detail: "no such event", Remedy: "See `forecaster event list`."}
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(g.out, "removed event %s: forecasts from now on do not expect it\n", c.ID)
		return err
	})
}

// eventColumns are those of backtest's --events; the last two may be missing.
var eventColumns = []string{"series", "kind", "start_utc", "end_utc", "announced_utc", "name", "expected_reach"}

// readEvents reads recorded planned events: series,kind,start_utc,end_utc,announced_utc[,name][,expected_reach].
// The series is the file's own word for the site.
func readEvents(path string) ([]surgecast.PlannedEvent, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	var src io.Reader = in
	if head, _ := in.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		defer z.Close() //nolint:errcheck // only read from
		src = z
	}
	out, err := parseEvents(src)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

func parseEvents(src io.Reader) ([]surgecast.PlannedEvent, error) {
	r := csv.NewReader(src)
	r.ReuseRecord = true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, &surgecast.FieldError{Field: "header", Line: 1, Detail: "the file is empty", Remedy: "Its first line is " + strings.Join(eventColumns, ",") + "."}
	}
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, name := range head {
		at[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))] = i
	}
	for _, name := range eventColumns[1:5] {
		if _, ok := at[name]; !ok {
			return nil, &surgecast.FieldError{Field: name, Line: 1, Detail: "this column is missing", Remedy: "The first line is " + strings.Join(eventColumns, ",") + "; the last two may be left out."}
		}
	}
	var out []surgecast.PlannedEvent
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		e, err := parseEvent(func(name string) string {
			if i, ok := at[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}, len(out))
		if err != nil {
			var bad *surgecast.FieldError
			if errors.As(err, &bad) {
				bad.Line = line
			}
			return nil, err
		}
		out = append(out, e)
	}
}

// parseEvent reads one row. Its id follows from its place in the file, so a replay that goes on finds it again.
func parseEvent(field func(string) string, n int) (surgecast.PlannedEvent, error) {
	kind, _ := surgecast.ParseEventKind(field("kind"))
	e := surgecast.PlannedEvent{ID: fmt.Sprintf("evt_recorded_%06d", n+1), AccountID: surgecast.DefaultAccount, Kind: kind, Name: field("name")}
	for _, c := range []struct {
		name string
		to   *time.Time
	}{{"start_utc", &e.StartsAt}, {"end_utc", &e.EndsAt}, {"announced_utc", &e.AnnouncedAt}} {
		text := field(c.name)
		if text == "" && c.name == "end_utc" {
			continue
		}
		var err error
		if *c.to, err = time.Parse(time.RFC3339, text); err != nil {
			return e, &surgecast.FieldError{Field: c.name, Value: text, Detail: "is not a time", Remedy: "Write it as 2026-09-24T15:30:00Z."}
		}
	}
	if text := field("expected_reach"); text != "" {
		var err error
		if e.ExpectedReach, err = strconv.ParseFloat(text, 64); err != nil {
			return e, &surgecast.FieldError{Field: "expected_reach", Value: text, Detail: "is not a number", Remedy: "Say how many people are told, or leave it empty."}
		}
	}
	if e.Kind == "" {
		return e, &surgecast.FieldError{Field: "kind", Detail: "is missing", Remedy: "Use one of " + fmt.Sprint(surgecast.EventKinds()) + "."}
	}
	e.Default("", e.AnnouncedAt)
	e.CreatedAt, e.UpdatedAt = e.AnnouncedAt, e.AnnouncedAt
	return e, e.Check()
}

// planRecorded plans a recording's events for its site, each known from its announcement on. Those a killed
// replay has planned are there already.
func planRecorded(ctx context.Context, db *database, site surgecast.Site, events []surgecast.PlannedEvent) error {
	for _, e := range slices.Clone(events) {
		e.SiteID = site.ID
		if _, err := db.CreateEvent(ctx, e); err != nil && !errors.Is(err, surgecast.ErrExists) {
			return err
		}
	}
	return nil
}
