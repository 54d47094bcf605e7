package surgecast

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Bounds of a planned event.
const (
	eventSpanMost   = 60 * 24 * time.Hour // a summer sale
	eventAheadMost  = 3 * 366 * 24 * time.Hour
	eventReachMost  = 1e10
	eventNameLength = 200
)

// Default fills what a new event left open: its kind is the site's usual one, its name the kind, it is
// announced now.
func (e *PlannedEvent) Default(site SiteKind, now time.Time) {
	if e.Kind == "" {
		e.Kind = EventKindsOf(site)[0]
	}
	if e.Name = strings.TrimSpace(e.Name); e.Name == "" {
		e.Name = e.Kind.Word()
	}
	if e.AnnouncedAt.IsZero() {
		e.AnnouncedAt = now
	}
	if e.ID == "" {
		e.ID = NewID("evt_")
	}
	us := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.UTC().Truncate(time.Microsecond) // what a database keeps
		}
	}
	us(&e.StartsAt)
	us(&e.EndsAt)
	us(&e.AnnouncedAt)
}

// Word is how people write the kind: "TV spot".
func (k EventKind) Word() string {
	if k == "" {
		return ""
	}
	if k == EventTVSpot {
		return "TV spot"
	}
	if k == EventOnSale {
		return "On-sale"
	}
	w := strings.ReplaceAll(string(k), "_", " ")
	return strings.ToUpper(w[:1]) + w[1:]
}

// Check returns the first thing wrong with an event as a FieldError.
func (e *PlannedEvent) Check() error {
	bad := func(field string, value any, detail, remedy string) error {
		return &FieldError{Field: field, Value: fmt.Sprint(value), Detail: detail, Remedy: remedy}
	}
	switch {
	case e.Kind.Number() < 0:
		names := make([]string, len(eventKinds))
		for i, k := range eventKinds {
			names[i] = string(k)
		}
		return bad("kind", e.Kind, "is not a kind of event", "Use "+strings.Join(names[:len(names)-1], ", ")+" or "+names[len(names)-1]+".")
	case e.StartsAt.IsZero():
		return bad("starts_at", "", "is missing", "Say when it starts, for example 2026-09-24T15:30:00Z.")
	case !e.EndsAt.IsZero() && e.EndsAt.Before(e.StartsAt):
		return bad("ends_at", e.EndsAt.Format(time.RFC3339), "is before starts_at", "Swap them, or leave ends_at out.")
	case !e.EndsAt.IsZero() && e.EndsAt.Sub(e.StartsAt) > eventSpanMost:
		return bad("ends_at", e.EndsAt.Format(time.RFC3339), "is more than 60 days after starts_at", "What lasts longer is the new usual: plan its first days.")
	case math.IsNaN(e.ExpectedReach) || e.ExpectedReach < 0 || e.ExpectedReach > eventReachMost:
		return bad("expected_reach", e.ExpectedReach, "is out of range", "Say how many people are told, or leave it out.")
	case len(e.Name) > eventNameLength:
		return bad("name", strings.ToValidUTF8(e.Name[:32], "")+"…", "is too long", "Use at most 200 bytes.")
	case strings.ContainsFunc(e.Name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return bad("name", "", "holds a control character", "Write it on one line.")
	case e.AnnouncedAt.IsZero():
		return bad("announced_at", "", "is missing", "Say since when it is known.")
	}
	return nil
}

// CheckNew is Check for an event entered at now: nobody can have known earlier, and what has begun is no
// longer planned.
func (e *PlannedEvent) CheckNew(now time.Time) error {
	switch {
	case !e.AnnouncedAt.IsZero() && e.AnnouncedAt.Before(now.Truncate(time.Minute)):
		return &FieldError{
			Field: "announced_at", Value: e.AnnouncedAt.Format(time.RFC3339), Detail: "is past",
			Remedy: "Forecasts already issued cannot have known: leave it out, or give a later time.",
		}
	case !e.StartsAt.IsZero() && e.over(now):
		return &FieldError{
			Field: "starts_at", Value: e.StartsAt.Format(time.RFC3339), Detail: "is past",
			Remedy: "Pick a later time: what has happened is in the traffic already.",
		}
	case e.StartsAt.After(now.Add(eventAheadMost)):
		return &FieldError{Field: "starts_at", Value: e.StartsAt.Format(time.RFC3339), Detail: "is more than three years ahead", Remedy: "Check the year."}
	}
	return e.Check()
}

// over reports whether an event without a lasting part began, or a lasting one ended, before now.
func (e *PlannedEvent) over(now time.Time) bool {
	if e.EndsAt.IsZero() {
		return e.StartsAt.Before(now.Truncate(time.Minute))
	}
	return e.EndsAt.Before(now)
}

// ParseEventKind reads a kind as people write it ("TV spot", "on-sale"); false when there is no such kind.
func ParseEventKind(s string) (EventKind, bool) {
	plain := func(s string) string {
		return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(strings.TrimSpace(s)))
	}
	i := slices.IndexFunc(eventKinds[:], func(k EventKind) bool { return plain(string(k)) == plain(s) })
	if i < 0 {
		if plain(s) == "breakingstory" {
			return EventBreaking, true
		}
		return EventKind(s), false
	}
	return eventKinds[i], true
}
