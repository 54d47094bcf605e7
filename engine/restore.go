package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"surgecast"
)

// restore brings every series to where the last committed sweep left it: the newest snapshot, stepped
// through what the ledger says was fed since. A damaged or foreign snapshot restarts that one series
// from its stored minutes and says so.
func (e *Engine) restore(ctx context.Context) error {
	runs, err := e.cfg.Store.States(ctx, "run:")
	if err != nil {
		return fmt.Errorf("reading what was remembered of sites: %w", err)
	}
	blobs, err := e.cfg.Store.States(ctx, "site:")
	if err != nil {
		return fmt.Errorf("reading snapshots of sites: %w", err)
	}
	models := make(map[string]surgecast.ModelState, len(blobs))
	for _, b := range blobs {
		models[b.Series] = b
	}
	for _, r := range runs {
		key, ok := parseTrackKey(strings.TrimPrefix(r.Series, "run:"))
		if !ok {
			continue
		}
		site, ok := e.sites[key.site]
		if !ok {
			continue
		}
		t := newTrack(site, key.segment, len(e.links[key.site]) > 0)
		if err := e.restoreTrack(ctx, t, r, models[key.modelName()]); err != nil {
			e.cfg.Logger.Warn("snapshot not usable; this series starts again from its stored minutes", "series", key.modelName(), "err", err)
			continue
		}
		e.tracks[key] = t
	}
	return e.restoreTopics(ctx)
}

func (e *Engine) restoreTrack(ctx context.Context, t *track, run, snap surgecast.ModelState) error {
	var remembered running
	if err := json.Unmarshal(run.Blob, &remembered); err != nil {
		return fmt.Errorf("decoding what was remembered: %w", err)
	}
	if remembered.Errors == nil {
		remembered.Errors = map[string]errorShare{}
	}
	if snap.Series == "" {
		return fmt.Errorf("no snapshot of the model")
	}
	if err := t.series.UnmarshalBinary(snap.Blob); err != nil {
		return fmt.Errorf("decoding the model: %w", err)
	}
	t.snapAt = snap.Origin
	if snap.Origin.After(remembered.Origin) {
		return fmt.Errorf("snapshot of %s is newer than what was remembered at %s", snap.Origin, remembered.Origin)
	}
	if snap.Origin.Before(remembered.Origin) {
		rows, err := e.cfg.Store.Forecasts(ctx, t.key.site, t.key.segment, snap.Origin, remembered.Origin.Add(time.Nanosecond))
		if err != nil {
			return fmt.Errorf("reading the ledger since %s: %w", snap.Origin, err)
		}
		damp := false
		for i := range rows {
			for _, f := range rows[i].Fed {
				if f.Minute.After(t.run.Origin) && f.Minute.After(snap.Origin) {
					t.apply(f, damp)
				}
			}
			damp = busyState(rows[i].State)
		}
		if !t.run.Origin.Equal(remembered.Origin) {
			return fmt.Errorf("the ledger ends at %s, expected %s", t.run.Origin, remembered.Origin)
		}
	}
	t.run = remembered
	return nil
}

func parseTrackKey(s string) (trackKey, bool) {
	id, seg, ok := strings.Cut(s, ":")
	if !ok {
		return trackKey{}, false
	}
	n, err := strconv.ParseInt(id, 10, 64)
	return trackKey{n, seg}, err == nil
}
