package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"surgecast"
	"surgecast/model"
)

// readPlans reads what is known of planned events, if anything changed. Every sweep looks: a minute that
// ended after an announcement is forecast from knowing of it.
func (e *Engine) readPlans(ctx context.Context, now time.Time) error {
	mark, err := e.cfg.Store.EventsMark(ctx)
	if err != nil {
		return fmt.Errorf("looking for changed events: %w", err)
	}
	if mark == e.plansMark && e.plans != nil {
		return nil
	}
	// A series without a snapshot is stepped through its history, with what was known then.
	all, err := e.cfg.Store.EventRevisions(ctx, 0, now.AddDate(0, 0, -e.cfg.HistoryDays-1))
	if err != nil {
		return fmt.Errorf("reading planned events: %w", err)
	}
	e.plans = map[int64][]surgecast.EventRevision{}
	for _, r := range all {
		e.plans[r.SiteID] = append(e.plans[r.SiteID], r)
	}
	for k, t := range e.tracks {
		t.plans.read(e.plans[k.site])
	}
	e.plansMark = mark
	return nil
}

// plans is everything that was ever known of a site's events, and until when the last answer holds.
type plans struct {
	all   []surgecast.EventRevision
	until time.Time // zero: nothing was answered yet
}

func (p *plans) read(all []surgecast.EventRevision) { p.all, p.until = all, time.Time{} }

// Events are followed a little longer than the model needs them; it forgets them by itself.
const (
	eventTail = 6 * time.Hour
	eventGone = 2 * time.Hour
)

// goneAt is when an event has no effect any more.
func goneAt(starts, ends time.Time) time.Time {
	return latest(starts.Add(eventTail), ends.Add(eventGone))
}

// planned is what the model is to be told after a step that ended at a moment, nil when it knows that
// already. It depends on what was known before that moment alone, whenever it is asked: a minute that is
// stepped through late knows of no later announcement.
func (t *track) planned(ended time.Time) []surgecast.Told {
	p := &t.plans
	at := ended.Add(-time.Microsecond)
	if len(p.all) == 0 && len(t.run.Plan) == 0 || at.Before(p.until) {
		return nil
	}
	want := []surgecast.Told{}
	p.until = at.AddDate(100, 0, 0)
	sooner := func(x time.Time) {
		if x.After(at) && x.Before(p.until) {
			p.until = x
		}
	}
	for _, r := range p.all {
		sooner(r.KnownAt)
	}
	for _, r := range surgecast.KnownEvents(p.all, at) {
		gone := goneAt(r.StartsAt, r.EndsAt)
		sooner(gone)
		if gone.After(at) {
			want = append(want, t.toldOf(r))
		}
	}
	if slices.EqualFunc(want, t.run.Plan, sameTold) {
		return nil
	}
	return want
}

func sameTold(a, b surgecast.Told) bool {
	return a.EventID == b.EventID && a.Kind == b.Kind && a.Name == b.Name && a.StartsAt.Equal(b.StartsAt) && a.EndsAt.Equal(b.EndsAt) &&
		a.Visits == b.Visits && a.LogSD == b.LogSD
}

// toldOf is an event as the track's model is told of it. How the visits it brings spread over segments is not
// known: those expect the usual of its kind.
func (t *track) toldOf(r surgecast.EventRevision) surgecast.Told {
	out := surgecast.Told{EventID: r.EventID, Kind: r.Kind, Name: r.Name, StartsAt: r.StartsAt, EndsAt: r.EndsAt, LogSD: sizeSD}
	if p := priorOf(t.site.Kind, r.Kind); r.Reach > 0 && t.key.segment == surgecast.TotalSegment {
		out.Visits, out.LogSD = r.Reach*p.visits*requestsPerVisit, p.sd
	}
	return out
}

// tell gives the model what is planned.
func (t *track) tell(plan []surgecast.Told) {
	t.series.Replan(modelEvents(plan))
	t.run.Plan = plan
}

// modelEvents numbers kinds as models know them. Two events of one kind that begin together are one: the
// model could not tell them apart.
func modelEvents(plan []surgecast.Told) []model.Event {
	out := make([]model.Event, 0, len(plan))
	for _, p := range plan {
		e := model.Event{
			Kind: p.Kind.Number(), Start: p.StartsAt.Unix(), End: p.EndsAt.Unix(), Shape: shapeOf(p.Kind),
			Visits: p.Visits, Spread: p.LogSD,
		}
		if p.EndsAt.IsZero() {
			e.End = e.Start
		}
		i := slices.IndexFunc(out, func(o model.Event) bool { return o.Kind == e.Kind && o.Start == e.Start })
		if i < 0 {
			out = append(out, e)
			continue
		}
		out[i].End, out[i].Visits = max(out[i].End, e.End), out[i].Visits+e.Visits
	}
	return out
}

// covered reports whether something planned is under way, or begins before a decision taken now has served
// its time: mentions need no confirmation then.
func (t *track) covered(now time.Time, ahead time.Duration) bool {
	return slices.ContainsFunc(t.run.Plan, func(p surgecast.Told) bool {
		return !p.StartsAt.After(now.Add(ahead)) && goneAt(p.StartsAt, p.EndsAt).After(now)
	})
}

// nextPlanned is the event people are reminded of: the one under way, else the next within a day.
func (t *track) nextPlanned(now time.Time) *surgecast.Told {
	for i, p := range t.run.Plan {
		over := p.EndsAt
		if over.IsZero() {
			over = p.StartsAt.Add(time.Hour)
		}
		if over.After(now) && p.StartsAt.Before(now.Add(24*time.Hour)) {
			return &t.run.Plan[i]
		}
	}
	return nil
}
