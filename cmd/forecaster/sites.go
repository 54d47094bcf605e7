package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"surgecast"
)

type siteCmd struct {
	Add    siteAddCmd    `cmd:"" help:"Add a site, or change it with --update."`
	List   siteListCmd   `cmd:"" help:"List the sites."`
	Show   siteShowCmd   `cmd:"" help:"Show one site."`
	Audit  siteAuditCmd  `cmd:"" help:"Check that the ledger of a site is as it was written: seals, chain, what was thinned out."`
	Remove siteRemoveCmd `cmd:"" aliases:"delete" help:"Remove a site: says what goes and asks. Its minutes and its ledger stay until retention drops them."`
}

type siteAddCmd struct {
	Slug       string        `arg:"" optional:"" help:"Short name in addresses: a-z, 0-9 and -. Left out when --file names it."`
	File       string        `help:"YAML file with everything (examples/shop.yaml)." placeholder:"FILE"`
	Name       string        `help:"Name people read."`
	Kind       string        `help:"shop, venue or newsroom." default:"shop"`
	TimeZone   string        `name:"time-zone" help:"IANA zone of the audience, such as Europe/Berlin." default:"UTC"`
	Mode       string        `help:"shadow (only watch), advise or act." default:"shadow"`
	Units      int           `help:"Replicas, instances or workers serving now."`
	RPMPerUnit float64       `name:"rpm-per-unit" help:"Requests a minute one unit serves. Without it, or --workers-per-unit, no risk is claimed."`
	Workers    int           `name:"workers-per-unit" help:"Not measured yet: requests one unit answers at once. With --service-seconds and --p95-limit-ms, instead of --rpm-per-unit."`
	Service    float64       `name:"service-seconds" help:"Seconds a request takes on average when nobody waits."`
	P95LimitMS int           `name:"p95-limit-ms" help:"Slower minutes are over capacity: 95 in 100 answers take no longer. 0: not judged."`
	MinUnits   int           `name:"min-units" help:"Never fewer."`
	MaxUnits   int           `name:"max-units" help:"Never more."`
	Lead       time.Duration `name:"lead-time" help:"From decision to serving, slow end (19 in 20 are faster)." default:"10m"`
	Update     bool          `help:"Change the site if it exists."`
}

func (c *siteAddCmd) Run(ctx context.Context, g *Global) error {
	f := siteFile{Site: c.Slug}
	if c.File != "" {
		var err error
		if f, err = readSiteFile(c.File); err != nil {
			return err
		}
		if c.Slug != "" && c.Slug != f.Site {
			return usage("the file names the site %q, the command line %q: use one of them", f.Site, c.Slug)
		}
	} else {
		if c.Slug == "" {
			return usage("which site? forecaster site add SLUG --units 6 --rpm-per-unit 200, or --file site.yaml")
		}
		f.Name, f.Kind, f.TimeZone, f.Mode = c.Name, c.Kind, c.TimeZone, c.Mode
		f.Capacity = siteFileCapacity{
			Units: c.Units, RPMPerUnit: c.RPMPerUnit, MinUnits: c.MinUnits, MaxUnits: c.MaxUnits, LeadTimeP95: c.Lead,
			WorkersPerUnit: c.Workers, ServiceSeconds: c.Service, P95LimitMS: c.P95LimitMS,
		}
	}
	site, err := f.toSite()
	if err != nil {
		return err
	}
	return withStore(ctx, g, func(db *database) error {
		made, err := db.CreateSite(ctx, site)
		word := "added"
		if errors.Is(err, surgecast.ErrExists) {
			if !c.Update {
				return fmt.Errorf("%w: change it with --update", err)
			}
			site.ModeBy = "forecaster site"
			made, err = db.UpdateSite(ctx, site)
			word = "changed"
		}
		if err != nil {
			return err
		}
		if err := addTopics(ctx, g, db, made.Slug, f.Topics); err != nil {
			return err
		}
		_, err = fmt.Fprintf(g.out, "%s site %s (%s), %s\nNext: push its traffic to POST /v1/sites/%s/traffic, or forecaster import traffic FILE --site %s\n",
			word, made.Slug, made.Mode, capacityWords(made.Capacity), made.Slug, made.Slug)
		return err
	})
}

// addTopics makes the topics a site file names, where they do not exist, and links them to the site.
func addTopics(ctx context.Context, g *Global, db *database, site string, topics []siteFileTopic) error {
	now := time.Now().UTC()
	for _, ft := range topics {
		t := ft.toTopic(now)
		if _, err := db.CreateTopic(ctx, t); err != nil && !errors.Is(err, surgecast.ErrExists) {
			return fmt.Errorf("site %s is there, but %w", site, err)
		}
		if err := db.LinkTopic(ctx, surgecast.DefaultAccount, site, t.Slug, now, 1); err != nil {
			return fmt.Errorf("site %s is there, but %w", site, err)
		}
		if _, err := fmt.Fprintf(g.out, "topic %s feeds it: %s\n", t.Slug, termWords(t)); err != nil {
			return err
		}
	}
	return nil
}

func capacityWords(c surgecast.CapacityProfile) string {
	if c.RPM() == 0 {
		return "capacity unknown: no risk is claimed until --rpm-per-unit is set, or --workers-per-unit and --service-seconds"
	}
	if c.WorkersPerUnit > 0 {
		return fmt.Sprintf("%d units × %d workers at %g s = %.0f requests a minute while 95 in 100 wait no longer than %.3g s", c.Units, c.WorkersPerUnit, c.ServiceSeconds, c.RPM(), c.WaitLimitSeconds())
	}
	if c.Measured != nil && c.Measured.Curve != nil {
		low, high := c.ServesBetween(c.Units)
		return fmt.Sprintf("%d units by the measured curve = %.0f requests a minute (%.0f to %.0f)", c.Units, c.RPM(), low, high)
	}
	return fmt.Sprintf("%d units × %g requests a minute = %g", c.Units, c.RPMPerUnit, c.RPM())
}

func maxWords(n int) string {
	if n == 0 {
		return "no maximum"
	}
	return fmt.Sprintf("max %d", n)
}

type siteListCmd struct{}

func (siteListCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		w := tabwriter.NewWriter(g.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "SITE\tNAME\tMODE\tUNITS\tCAPACITY A MINUTE\tLEAD TIME")
		for after := ""; ; {
			sites, next, err := db.Sites(ctx, surgecast.DefaultAccount, surgecast.Page{Limit: 200, After: after})
			if err != nil {
				return err
			}
			for _, s := range sites {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%g\t%s\n", s.Slug, s.Name, s.Mode, s.Capacity.Units, s.Capacity.RPM(), time.Duration(s.Capacity.LeadTimeP95Seconds)*time.Second)
			}
			if next == "" {
				return w.Flush()
			}
			after = next
		}
	})
}

type siteShowCmd struct {
	Slug string `arg:"" help:"The site."`
}

func (c *siteShowCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		s, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Slug)
		if err != nil {
			return unknownSite(c.Slug, err)
		}
		_, err = fmt.Fprintf(g.out, "%s  %s\nkind %s, mode %s, time zone %s\n%s; min %d, %s\nlead time %s (median), %s (19 in 20)\n",
			s.Slug, s.Name, s.Kind, s.Mode, s.TimeZone, capacityWords(s.Capacity), s.Capacity.MinUnits, maxWords(s.Capacity.MaxUnits),
			time.Duration(s.Capacity.LeadTimeP50Seconds)*time.Second, time.Duration(s.Capacity.LeadTimeP95Seconds)*time.Second)
		return err
	})
}

type siteRemoveCmd struct {
	Slug string `arg:"" help:"The site."`
	Yes  bool   `help:"Really, without being asked: nothing can be asked of it any more."`
}

func (c *siteRemoveCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		leaving, err := db.SiteLeaving(ctx, surgecast.DefaultAccount, c.Slug)
		if errors.Is(err, surgecast.ErrNotFound) {
			sites, _, listErr := db.Sites(ctx, surgecast.DefaultAccount, surgecast.Page{Limit: surgecast.MaxSites})
			if listErr != nil {
				return listErr
			}
			names := make([]string, len(sites))
			for i, s := range sites {
				names[i] = s.Slug
			}
			return meant(unknownSite(c.Slug, err), c.Slug, names)
		}
		if err != nil {
			return err
		}
		return removal{"site", c.Slug, c.Yes, leaving, func() error { return db.DeleteSite(ctx, surgecast.DefaultAccount, c.Slug) }}.run(g)
	})
}

// unknownSite adds the remedy to a site that was not found.
func unknownSite(slug string, err error) error {
	if errors.Is(err, surgecast.ErrNotFound) {
		if !surgecast.ValidSlug(slug) { // nor could one be made
			return &surgecast.FieldError{Field: "site", Value: slug, Detail: "is not a site's short name", Remedy: "See `forecaster site list`, or make a site with `forecaster site add SLUG`."}
		}
		return &surgecast.FieldError{Field: "site", Value: slug, Detail: "no such site", Remedy: "See `forecaster site list`; make it with `forecaster site add " + slug + "`."}
	}
	return err
}

// withStore opens the database, runs f, and closes it again whatever happens.
func withStore(ctx context.Context, g *Global, f func(*database) error) error {
	db, err := openDatabase(ctx, g, openOptions{share: true})
	if err != nil {
		return err
	}
	return errors.Join(f(db), db.Close())
}
