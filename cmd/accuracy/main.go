// Accuracy measures the production model on the arena's series and writes docs/accuracy.md. It holds no
// forecaster: what it judges comes from engine.Backtest and engine.Course, the path live forecasts take. The
// rules it lays beside them (rules.go, capacity.go, alarm.go) are the simple ones every reader knows.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"surgecast/model"
)

func main() {
	var j job
	flag.StringVar(&j.arena, "arena", "../shared/arena", "directory of the arena")
	flag.StringVar(&j.data, "data", "../shared/data", "directory with the labels of the arena's series and with the series kept apart; the page says what was not there")
	flag.StringVar(&j.out, "out", ".cache/accuracy", "directory for the forecasts")
	page := flag.String("page", "docs/accuracy.md", "the page to write")
	record := flag.String("record", "docs/accuracy.json", "the figures of the last page, to tell what got worse")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, j, *page, *record, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

// job is where things are.
type job struct{ arena, data, out string }

func run(ctx context.Context, j job, page, record string, only []string) error {
	a, err := openArena(j.arena)
	if err != nil {
		return err
	}
	if len(only) > 0 { // a look at some sets: the scorer's table, no page
		return a.quick(ctx, j.out, only)
	}
	timed := func(what string, do func() error) {
		if err != nil {
			return
		}
		began := time.Now()
		if err = do(); err != nil {
			err = fmt.Errorf("%s: %w", what, err)
			return
		}
		fmt.Fprintf(os.Stderr, "%s: %.1f s\n", what, time.Since(began).Seconds())
	}
	var p report
	timed("forecasts and scores", func() error { return p.score(ctx, a, j.out) })
	timed("simple rules and intervals", func() error { return p.intervals(ctx, j.out) })
	timed("cost of capacity", func() error { return p.capacity(ctx) })
	timed("lead of alarms", func() error { return p.alarms(ctx, a, j.data) })
	timed("cold start", func() error { return p.coldStart(ctx, a) })
	timed("series kept apart", func() error { return p.apart(ctx, a, j.data) })
	if err != nil {
		return err
	}
	before, since := committed(ctx, record, model.Version)
	p.worse = compare(before, p.figures())
	p.since = since
	if err := os.WriteFile(page, []byte(p.markdown()), 0o644); err != nil { //nolint:gosec // a page for everybody
		return fmt.Errorf("writing the page: %w", err)
	}
	return writeFigures(record, model.Version, p.figures())
}
