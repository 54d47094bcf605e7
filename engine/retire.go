package engine

import (
	"maps"
	"slices"
	"time"

	"surgecast"
	"surgecast/risk"
)

// retireAfter is how long a segment may not be sent, while its site is, until it is taken to be gone: for so long an
// episode would be resumed after a silence.
const retireAfter = 30 * time.Minute

// errorsKept is how long a segment's usual errors are remembered after its last minute, as long as it counts as one of
// the site's. They outlive its episode: a checkout that is quiet at night and broken in the morning would else teach
// that broken is usual.
const errorsKept = 7 * 24 * time.Hour

func judged(s surgecast.Site, segment string) bool {
	return slices.Contains(judgedSegments(s), segment)
}

// retire puts a segment away that is not sent any more. Its open episode, which could not be told since, is closed;
// its model is stored, and goes on from there when the segment comes again.
func (t *track) retire(now time.Time, o *outcome) {
	r := &t.run
	if t.key.segment == surgecast.TotalSegment {
		return
	}
	if r.Heard.IsZero() {
		r.Heard = r.Origin
	}
	if r.Origin.Sub(r.Heard) < retireAfter {
		return
	}
	if s := r.Judge.LoadSurge; s != nil {
		t.end(*s, now, o)
	}
	r.Judge.endLoad()
	r.Retired, o.retired, t.owed = true, true, true
}

// endLoad forgets the load's episode, which is closed.
func (j *judge) endLoad() {
	m := j.Load
	j.Load, j.LoadSurge = risk.Machine{Kind: m.Kind, State: surgecast.StateCannotTell, At: m.At, Since: m.Since}, nil
}

// endClosed forgets the episodes that were closed after the judge was stored: that of a segment whose limit was taken
// away (findEnded), and came back while no engine had it in memory. Going on with one would tell of what receivers were
// told has ended.
func (j *judge) endClosed(open map[string]bool) {
	if s := j.LoadSurge; s != nil && !open[s.ID] {
		j.endLoad()
	}
	for name, s := range j.FailSurge {
		if s != nil && !open[s.ID] {
			delete(j.Fail, name)
			delete(j.FailSurge, name)
		}
	}
}

// retireErrors does the same with the failures of segments, which are kept with the whole.
func (t *track) retireErrors(now time.Time, o *outcome) {
	j := &t.run.Judge
	for _, name := range slices.Sorted(maps.Keys(t.run.Errors)) {
		s := t.run.Errors[name]
		if s.At.IsZero() {
			s.At = t.run.Origin // stored by a version that did not keep it
			t.run.Errors[name] = s
		}
		if t.sent(s) {
			continue
		}
		if surge := j.FailSurge[name]; surge != nil {
			t.end(*surge, now, o)
		}
		delete(j.Fail, name)
		delete(j.FailSurge, name)
		if t.run.Origin.Sub(s.At) >= errorsKept {
			delete(t.run.Errors, name)
		}
	}
}

// sent reports whether the segment of these errors is still sent.
func (t *track) sent(e errorShare) bool { return t.run.Origin.Sub(e.At) < retireAfter }

func (t *track) end(s surgecast.Surge, now time.Time, o *outcome) {
	headline, sentence := risk.SayRetired(s.Segment)
	end(s, surgeData{Site: t.site.Slug, Simulated: t.site.Simulated, UnitsNow: t.unitsNow()}, headline, sentence, now, o)
}

// unretire lets segments that are sent again go on from what is stored of them, with the next sweep.
func (e *Engine) unretire(rows []surgecast.TrafficMinute, now time.Time) {
	for _, r := range rows {
		if k := (trackKey{r.SiteID, r.Segment}); e.retired[k] {
			delete(e.retired, k)
			e.resting[k.modelName()] = now
		}
	}
}
