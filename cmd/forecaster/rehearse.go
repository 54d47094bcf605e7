package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"surgecast"
	"surgecast/model"
	"surgecast/rehearse"
)

type rehearseCmd struct {
	Export rehearseExportCmd `cmd:"" help:"Write the forecast, or a surge as it came, as a load test for k6, vegeta or Locust. It names no target."`
	Import rehearseImportCmd `cmd:"" help:"Import what k6, vegeta, Locust, JMeter or wrk measured, and see what it tells of the capacity."`
	List   rehearseListCmd   `cmd:"" help:"Show a site's load tests and what they tell together."`
	Apply  rehearseApplyCmd  `cmd:"" help:"Make the measured capacity the site's."`
	Remove rehearseRemoveCmd `cmd:"" help:"Take a load test back."`
}

// measureSeed draws the intervals of a fit: the same tests give the same answer.
const measureSeed = 1

// loadTests is the load-test room as the API asks for it.
type loadTests struct{}

func (loadTests) Read(file string, body []byte, tool surgecast.LoadTool, now time.Time) (surgecast.LoadTest, error) {
	return rehearse.Read(file, body, tool, now)
}

func (loadTests) Measure(p surgecast.CapacityProfile, tests []surgecast.LoadTest) surgecast.Measured {
	return rehearse.Measure(p, tests, measureSeed)
}

func (loadTests) Courses(f surgecast.SiteForecast, now time.Time, minutes int) ([]surgecast.RehearsalCourse, time.Time) {
	return rehearse.Courses(f, now, minutes, model.Interpolate)
}

func (loadTests) Came(rows []surgecast.TrafficMinute, from, to time.Time) (surgecast.RehearsalCourse, int) {
	return rehearse.Came(rows, from, to)
}

func (loadTests) SurgeSpan(s surgecast.Surge, now time.Time) (from, to time.Time) {
	return rehearse.SurgeSpan(s, now)
}

func (loadTests) Size(r *surgecast.Rehearsal, p surgecast.CapacityProfile, recent []surgecast.TrafficMinute) {
	rehearse.Size(r, p, recent)
}

func (loadTests) Write(r surgecast.Rehearsal, f surgecast.RehearsalFormat) (surgecast.RehearsalScript, error) {
	return rehearse.Write(r, f)
}

type rehearseImportCmd struct {
	Files []string `arg:"" type:"existingfile" help:"The result; several files of one test are its steps (vegeta)."`
	Site  string   `required:"" help:"Whose test it is." placeholder:"SITE"`
	Units int      `required:"" help:"How many units served while it ran: no result file knows."`
	Tool  string   `help:"Refuse a result of another tool: k6, vegeta, locust, jmeter or wrk. Default: what the content is." placeholder:"TOOL"`
	Apply bool     `help:"Make the measured capacity the site's. Default: only propose it."`
}

func (c *rehearseImportCmd) Run(ctx context.Context, g *Global) error {
	now := time.Now().UTC()
	var parts []surgecast.LoadTest
	for _, name := range c.Files {
		body, err := readResult(name)
		if err != nil {
			return err
		}
		t, err := rehearse.Read(name, body, surgecast.LoadTool(c.Tool), now)
		if err != nil {
			return err
		}
		parts = append(parts, t)
	}
	t, err := rehearse.Merge(parts)
	if err != nil {
		return err
	}
	t.Units, t.ImportedAt, t.By = c.Units, now, person()
	if err := t.Check(); err != nil {
		return err
	}
	return withStore(ctx, g, func(db *database) error {
		site, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site)
		if err != nil {
			return unknownSite(c.Site, err)
		}
		stored, err := db.AddLoadTest(ctx, site, t)
		if errors.Is(err, surgecast.ErrExists) {
			return &surgecast.FieldError{Field: "file", Value: t.File, Detail: fmt.Sprintf("was imported at %d units before", t.Units), Remedy: "Nothing is missing: see `forecaster rehearse list --site " + c.Site + "`. Was it run with another number of units?"}
		}
		if err != nil {
			return err
		}
		if err := showLoadTest(g.out, stored); err != nil {
			return err
		}
		m, ids, err := measureSite(ctx, db, site)
		if err != nil {
			return err
		}
		if err := showMeasured(g.out, m); err != nil {
			return err
		}
		if !c.Apply {
			return propose(g.out, site, m)
		}
		return applyMeasured(ctx, g, db, site, m, ids)
	})
}

// readResult reads at most as much of a file as a result may be large.
func readResult(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, rehearse.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return body, nil
}

// person is who runs the command, for the log of changes.
func person() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "command line (" + u.Username + ")"
	}
	return "command line"
}

func measureSite(ctx context.Context, db *database, site surgecast.Site) (surgecast.Measured, []string, error) {
	tests, _, err := db.LoadTests(ctx, site.ID, surgecast.Page{Limit: surgecast.MaxLoadTests})
	if err != nil {
		return surgecast.Measured{}, nil, err
	}
	m := rehearse.Measure(site.Capacity, tests, measureSeed)
	var ids []string
	for _, l := range m.Levels {
		ids = append(ids, l.Tests...)
	}
	return m, ids, nil
}

func showLoadTest(w io.Writer, t surgecast.LoadTest) error {
	fmt.Fprintf(w, "%s  %s of %s at %d units: %s\n", t.ID, t.Tool, t.RanAt.Format(time.RFC3339), t.Units, t.File)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "USERS\tSENT A MINUTE\tSERVED A MINUTE\tP95 MS\tERRORS\t")
	for _, p := range t.Points {
		fmt.Fprintf(tw, "%s\t%.0f\t%.0f\t%s\t%.2f %%\t\n", known(p.Concurrency), p.OfferedRPM, p.ServedRPM, known(p.P95MS), p.ErrorShare*100)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, n := range t.Notes {
		if _, err := fmt.Fprintln(w, "note:", n); err != nil {
			return err
		}
	}
	return nil
}

func known(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	return fmt.Sprintf("%.0f", x)
}

func showMeasured(w io.Writer, m surgecast.Measured) error {
	_, err := fmt.Fprintln(w, strings.Join(m.Sentences, "\n"))
	return err
}

func propose(w io.Writer, site surgecast.Site, m surgecast.Measured) error {
	if !(m.RPMPerUnit > 0) {
		return nil
	}
	_, err := fmt.Fprintf(w, "The site is judged by %g a unit. Take the measured figure over with: forecaster rehearse apply --site %s\n", tenths(site.Capacity.Each()), site.Slug)
	return err
}

// tenths is a figure as it is said: what workers come to is no round number.
func tenths(x float64) float64 { return math.Round(10*x) / 10 }

func applyMeasured(ctx context.Context, g *Global, db *database, site surgecast.Site, m surgecast.Measured, ids []string) error {
	taken, err := m.Taken(site.Capacity)
	if err != nil {
		return err
	}
	changed, err := db.ApplyCapacity(ctx, surgecast.CapacityChange{
		SiteID: site.ID, At: time.Now().UTC(), By: person(), FromRPM: site.Capacity.Each(), ToRPM: m.RPMPerUnit, Interval: m.Interval,
		TestIDs: ids, TestedMax: m.TestedMax, Measured: taken, Words: m.Sentences[len(m.Sentences)-1],
	})
	if err != nil {
		return err
	}
	c := changed.Capacity
	least := ""
	if c.AtLeast() {
		least = "at least "
	}
	if _, err = fmt.Fprintf(g.out, "applied: %s is judged by %s%.1f a unit instead of %g, %s\n", site.Slug, least, c.RPMPerUnit, tenths(site.Capacity.Each()), capacityWords(c)); err != nil {
		return err
	}
	if c.AtLeast() {
		_, err = fmt.Fprintln(g.out, "That is a lower bound: no test reached the limit. Test with more load, until some step breaks a limit.")
		return err
	}
	if taken.Curve == nil {
		return nil
	}
	most := taken.Curve.Most()
	straight := int(math.Ceil(most / c.RPMPerUnit))
	by, _ := c.UnitsFor(most)
	_, err = fmt.Fprintf(g.out, "Units now follow the measured curve up to %d units: %.0f requests a minute take %d units, not %d at the same figure each. Setting rpm_per_unit by hand drops the curve.\n", taken.Curve.TestedMax, most, by, straight)
	return err
}

type rehearseListCmd struct {
	Site string `required:"" help:"The site." placeholder:"SITE"`
}

func (c *rehearseListCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		site, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site)
		if err != nil {
			return unknownSite(c.Site, err)
		}
		tests, _, err := db.LoadTests(ctx, site.ID, surgecast.Page{Limit: surgecast.MaxLoadTests})
		if err != nil {
			return err
		}
		for _, t := range tests {
			if err := showLoadTest(g.out, t); err != nil {
				return err
			}
		}
		if err := showMeasured(g.out, rehearse.Measure(site.Capacity, tests, measureSeed)); err != nil {
			return err
		}
		changes, err := db.CapacityChanges(ctx, site.ID, 20)
		if err != nil {
			return err
		}
		for _, ch := range changes {
			if _, err := fmt.Fprintf(g.out, "%s  %s: %g → %.1f a unit. %s\n", ch.At.Format(time.RFC3339), ch.By, ch.FromRPM, ch.ToRPM, ch.Words); err != nil {
				return err
			}
		}
		return nil
	})
}

type rehearseApplyCmd struct {
	Site string `required:"" help:"The site." placeholder:"SITE"`
}

func (c *rehearseApplyCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		site, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site)
		if err != nil {
			return unknownSite(c.Site, err)
		}
		m, ids, err := measureSite(ctx, db, site)
		if err != nil {
			return err
		}
		if err := showMeasured(g.out, m); err != nil {
			return err
		}
		return applyMeasured(ctx, g, db, site, m, ids)
	})
}

type rehearseRemoveCmd struct {
	ID   string `arg:"" help:"The test: ldt_…"`
	Site string `required:"" help:"The site." placeholder:"SITE"`
}

func (c *rehearseRemoveCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		site, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site)
		if err != nil {
			return unknownSite(c.Site, err)
		}
		err = db.DeleteLoadTest(ctx, site.ID, c.ID)
		if errors.Is(err, surgecast.ErrNotFound) {
			return &surgecast.FieldError{Field: "test", Value: c.ID, Detail: "no such load test", Remedy: "See `forecaster rehearse list --site " + c.Site + "`."}
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(g.out, "removed load test %s; what was applied stays\n", c.ID)
		return err
	})
}

type rehearseExportCmd struct {
	Site   string  `required:"" help:"The site." placeholder:"SITE"`
	Format string  `help:"k6, vegeta or locust." enum:"k6,vegeta,locust" default:"k6"`
	Out    string  `help:"File to write. Default: standard output." placeholder:"FILE"`
	Hours  int     `help:"How far ahead the forecast is played, 1 to 24." default:"1"`
	Surge  string  `help:"Play this surge as it came, instead of the forecast: srg_…" placeholder:"ID"`
	Speed  float64 `help:"Pass so many times faster, at the same rates; 1 to 60." default:"1"`
}

func (c *rehearseExportCmd) Run(ctx context.Context, g *Global) error {
	if c.Hours < 1 || c.Hours > 24 {
		return usage("--hours %d: use 1 to 24", c.Hours)
	}
	now := time.Now().UTC()
	return withStore(ctx, g, func(db *database) error {
		site, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Site)
		if err != nil {
			return unknownSite(c.Site, err)
		}
		r := surgecast.Rehearsal{Site: site.Slug, Simulated: site.Simulated, Speed: c.Speed}
		if c.Surge != "" {
			err = c.surgeCourse(ctx, g, db, site, &r, now)
		} else {
			err = c.forecastCourses(ctx, db, site, &r, now)
		}
		if err != nil {
			return err
		}
		recent, err := db.Traffic(ctx, site.ID, surgecast.TotalSegment, now.Add(-time.Hour), now)
		if err != nil {
			return err
		}
		rehearse.Size(&r, site.Capacity, recent)
		script, err := rehearse.Write(r, surgecast.RehearsalFormat(c.Format))
		if err != nil {
			return err
		}
		if c.Out == "" {
			_, err = g.out.Write(script.Body)
			return err
		}
		if err := os.WriteFile(c.Out, script.Body, 0o644); err != nil { //nolint:gosec // a script holds nothing secret
			return fmt.Errorf("writing the rehearsal: %w", err)
		}
		_, err = fmt.Fprintf(g.errOut, "wrote %s. It names no target: set TARGET_URL when you run it.\n", c.Out)
		return err
	})
}

func (c *rehearseExportCmd) forecastCourses(ctx context.Context, db *database, site surgecast.Site, r *surgecast.Rehearsal, now time.Time) error {
	all, err := db.LatestForecasts(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(f surgecast.SiteForecast) bool {
		return f.SiteID == site.ID && f.Segment == surgecast.TotalSegment
	})
	if i < 0 {
		return &surgecast.FieldError{Field: "site", Value: site.Slug, Detail: "has no forecast yet", Remedy: "Let `forecaster serve` run and send its traffic, or choose a surge of the past: --surge."}
	}
	f := all[i]
	if now.After(f.ValidUntil) {
		return &surgecast.FieldError{Field: "site", Value: site.Slug, Detail: "was last forecast at " + f.IssuedAt.Format(time.RFC3339) + ", which no longer counts", Remedy: "Start `forecaster serve`, or choose a surge of the past: --surge."}
	}
	r.ForecastID, r.IssuedAt = f.ID, f.IssuedAt
	r.Courses, r.Start = rehearse.Courses(f, now, c.Hours*60, model.Interpolate)
	return nil
}

func (c *rehearseExportCmd) surgeCourse(ctx context.Context, g *Global, db *database, site surgecast.Site, r *surgecast.Rehearsal, now time.Time) error {
	s, _, err := db.SurgeByID(ctx, site.AccountID, c.Surge)
	if errors.Is(err, surgecast.ErrNotFound) || err == nil && s.SiteID != site.ID {
		return &surgecast.FieldError{Field: "surge", Value: c.Surge, Detail: "no such surge of this site", Remedy: "See GET /v1/surges, or the page of the site."}
	}
	if err != nil {
		return err
	}
	from, to := rehearse.SurgeSpan(s, now)
	rows, err := db.Traffic(ctx, site.ID, surgecast.TotalSegment, from, to)
	if err != nil {
		return err
	}
	course, saturated := rehearse.Came(rows, from, to)
	r.ForecastID, r.IssuedAt, r.Start, r.Courses = s.ID, s.OpenedAt, from, []surgecast.RehearsalCourse{course}
	if saturated > 0 {
		_, err = fmt.Fprintf(g.errOut, "%d minutes were saturated: what came then was more than was served, and this course is a lower bound.\n", saturated)
	}
	return err
}
