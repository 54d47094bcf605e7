package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"surgecast"
	"surgecast/store"
)

type siteAuditCmd struct {
	Slug string    `arg:"" help:"Short name of the site."`
	From time.Time `help:"First origin to check. Default: the beginning." placeholder:"TIME"`
	To   time.Time `help:"First origin no longer checked. Default: all there are." placeholder:"TIME"`
}

// Help is what is checked.
func (siteAuditCmd) Help() string {
	return "Every row must fit its own seal and be tied to the row before it. Exit 1 when one is not: the first is named. " +
		"Whoever wrote down the last hash can compare it later: all rows before it are in it."
}

func (c *siteAuditCmd) Run(ctx context.Context, g *Global) error {
	from, to := c.From, c.To
	if to.IsZero() {
		to = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return withStore(ctx, g, func(db *database) error {
		site, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, c.Slug)
		if err != nil {
			return unknownSite(c.Slug, err)
		}
		segments, err := db.LedgerSegments(ctx, site.ID)
		if err != nil {
			return err
		}
		if len(segments) == 0 {
			_, err := fmt.Fprintf(g.out, "%s has no ledger yet\n", site.Slug)
			return err
		}
		var broken []error
		for _, segment := range segments {
			a, err := db.AuditLedger(ctx, site.ID, segment, from, to)
			if err != nil && !errors.Is(err, store.ErrBroken) {
				return err
			}
			broken = append(broken, err)
			if _, err := fmt.Fprintln(g.out, auditLine(segment, a, err)); err != nil {
				return err
			}
		}
		return errors.Join(broken...)
	})
}

// auditLine is one chain in words.
func auditLine(segment string, a store.Audit, broken error) string {
	if a.Rows == 0 {
		return segment + ": no rows"
	}
	line := fmt.Sprintf("%s: %d rows, %s to %s", segment, a.Rows, a.First.Format(time.RFC3339), a.Last.Format(time.RFC3339))
	if a.Thinned > 0 {
		line += fmt.Sprintf("; %d thinned out between them, each by rule and with its link", a.Thinned)
	}
	var seals []string
	for _, v := range slices.Sorted(maps.Keys(a.Seals)) {
		seals = append(seals, fmt.Sprintf("version %d (%d)", v, a.Seals[v]))
	}
	line += "; seal " + strings.Join(seals, ", ")
	if broken != nil {
		return line + "; what follows does not fit"
	}
	return line + fmt.Sprintf("; every row fits; last hash %x", a.Hash)
}
