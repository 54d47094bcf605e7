package main

import (
	"context"
	"fmt"

	"surgecast/internal/localpg"
	"surgecast/migrations"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply what is missing, ours first, then River's."`
	Status migrateStatusCmd `cmd:"" help:"Show which migrations are applied."`
}

type migrateUpCmd struct{}

func (migrateUpCmd) Run(ctx context.Context, g *Global) error {
	return withURL(ctx, g, func(url string) error {
		if err := migrations.Up(ctx, url); err != nil {
			return err
		}
		have, want, err := migrations.Versions(ctx, url)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(g.out, "schema version %d of %d: up to date\n", have, want)
		return err
	})
}

type migrateStatusCmd struct{}

func (migrateStatusCmd) Run(ctx context.Context, g *Global) error {
	return withURL(ctx, g, func(url string) error {
		rows, err := migrations.Status(ctx, url)
		if err != nil {
			return err
		}
		for _, r := range rows {
			state := "pending: run `forecaster migrate up`"
			if !r.Pending {
				state = "applied"
				if !r.AppliedAt.IsZero() { // River does not say when
					state += " " + r.AppliedAt.UTC().Format("2006-01-02 15:04:05Z")
				}
			}
			if _, err := fmt.Fprintf(g.out, "%05d %-40s %s\n", r.Version, r.Name, state); err != nil {
				return err
			}
		}
		return nil
	})
}

// withURL runs f on the configured database, or on the private one.
func withURL(ctx context.Context, g *Global, f func(url string) error) error {
	if g.DatabaseURL != "" {
		return unreachable(g, f(g.DatabaseURL))
	}
	if url, ok := localpg.Running(ctx, g.StateDir); ok {
		return f(url)
	}
	pg, err := localpg.Start(ctx, localpg.Options{StateDir: g.StateDir, BinDir: g.PGBin, Logger: g.log, Durable: true})
	if err != nil {
		return err
	}
	err = f(pg.URL())
	if stop := pg.Stop(context.WithoutCancel(ctx)); err == nil {
		err = stop
	}
	return err
}
