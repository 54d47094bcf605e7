package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"surgecast"
)

// EventStore is what the API needs of the store for planned events.
type EventStore interface {
	CreateEvent(ctx context.Context, e surgecast.PlannedEvent) (surgecast.PlannedEvent, error)
	UpdateEvent(ctx context.Context, e surgecast.PlannedEvent) (surgecast.PlannedEvent, error)
	DeleteEvent(ctx context.Context, account int64, id string, at time.Time) error
	EventByID(ctx context.Context, account int64, id string) (surgecast.PlannedEvent, error)
	Events(ctx context.Context, account int64, f surgecast.EventFilter, p surgecast.Page) ([]surgecast.PlannedEvent, string, error)
}

// EventFields is what a person says of a planned event.
type EventFields struct {
	Kind          string     `json:"kind" enum:"sale,newsletter,tv_spot,celebrity_post,push,on_sale,announcement,match,breaking,article" required:"false" doc:"What is expected before the site has seen one; default: the site's usual one"`
	Name          string     `json:"name" maxLength:"200" required:"false" doc:"Default: the kind"`
	StartsAt      time.Time  `json:"starts_at"`
	EndsAt        *time.Time `json:"ends_at" required:"false" doc:"Of what lasts: a sale, a match. A newsletter has none"`
	ExpectedReach float64    `json:"expected_reach" minimum:"0" maximum:"10000000000" required:"false" doc:"People told; 0: not known, it is expected to be as large as its kind usually is here"`
	AnnouncedAt   *time.Time `json:"announced_at" required:"false" doc:"No forecast issued before knows of it; not past; default now"`
}

// EventNew plans an event.
type EventNew struct {
	Site string `json:"site" maxLength:"63" doc:"Slug of the site"`
	EventFields
}

// EventBody is a planned event.
type EventBody struct {
	ID   string `json:"id"`
	Site string `json:"site"`
	EventFields
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// EventPath names an event in the address.
type EventPath struct {
	ID string `path:"id" maxLength:"64" doc:"evt_…"`
}

type (
	eventsIn struct {
		PageQuery
		Site string    `query:"site" maxLength:"63" doc:"Only of this site"`
		From time.Time `query:"from" doc:"Only those that last or begin then or later"`
		To   time.Time `query:"to" doc:"Only those that begin before"`
	}
	eventsOut   struct{ Body List[EventBody] }
	eventOut    struct{ Body EventBody }
	eventNewIn  struct{ Body EventNew }
	eventNewOut struct {
		Location string `header:"Location"`
		Body     EventBody
	}
	eventPutIn struct {
		EventPath
		Body EventFields
	}
)

func (s *Server) eventRoutes() {
	register(s, operation("GET", "/v1/events", "list-events", "Planned events, by start"), surgecast.ScopeRead, s.listEvents)
	op := operation("POST", "/v1/events", "create-event", "Plan an event: forecasts know of it from its announcement on")
	op.Description = fmt.Sprintf("A site has at most %d events that are not over: one more is 409 limit_reached.", surgecast.MaxEvents)
	registerMaking(s, op, surgecast.ScopeWrite, s.createEvent)
	register(s, operation("GET", "/v1/events/{id}", "get-event", "One planned event"), surgecast.ScopeRead, s.getEvent)
	register(s, operation("PUT", "/v1/events/{id}", "put-event", "Change a planned event; known from now on"), surgecast.ScopeWrite, s.putEvent)
	register(s, operation("DELETE", "/v1/events/{id}", "delete-event", "Take a planned event back; known from now on"), surgecast.ScopeWrite, s.deleteEvent)
	register(s, whatIfOperation(), surgecast.ScopeRead, s.whatIf)
}

func (s *Server) listEvents(ctx context.Context, in *eventsIn) (*eventsOut, error) {
	who := caller(ctx)
	p, err := in.page("events")
	if err != nil {
		return nil, err
	}
	if !in.From.IsZero() && !in.To.IsZero() && !in.From.Before(in.To) {
		return nil, fieldProblem("to", codeInvalidValue, "to is not after from", "Give a later to, or leave it out.")
	}
	f := surgecast.EventFilter{SiteIDs: slices.Clone(who.sites), From: in.From, To: in.To}
	if in.Site != "" {
		site, err := s.site(ctx, in.Site)
		if err != nil {
			return nil, err
		}
		f.SiteIDs = []int64{site.ID}
	}
	es, next, err := s.c.Store.Events(ctx, who.account, f, p)
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", err)
	}
	return &eventsOut{listOf("events", es, next, eventBody)}, nil
}

func (s *Server) createEvent(ctx context.Context, in *eventNewIn) (*eventNewOut, error) {
	site, err := s.site(ctx, in.Body.Site)
	if err != nil {
		return nil, err
	}
	now := s.now()
	e := surgecast.PlannedEvent{AccountID: site.AccountID, SiteID: site.ID, CreatedAt: now, UpdatedAt: now}
	if err := in.Body.EventFields.into(&e, site.Kind, now); err != nil {
		return nil, err
	}
	made, err := s.c.Store.CreateEvent(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("planning an event for %s: %w", site.Slug, err)
	}
	return &eventNewOut{Location: "/v1/events/" + made.ID, Body: eventBody(made)}, nil
}

func (s *Server) getEvent(ctx context.Context, in *EventPath) (*eventOut, error) {
	e, err := s.event(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &eventOut{eventBody(e)}, nil
}

func (s *Server) putEvent(ctx context.Context, in *eventPutIn) (*eventOut, error) {
	was, err := s.event(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	site, err := s.site(ctx, was.Site)
	if err != nil {
		return nil, err
	}
	now := s.now()
	e := was
	switch told := in.Body.AnnouncedAt; {
	case told == nil, told.UTC().Truncate(time.Microsecond).Equal(was.AnnouncedAt):
		in.Body.AnnouncedAt = nil
	case !was.AnnouncedAt.After(now):
		return nil, fieldProblem("announced_at", codeInvalidValue, "it is announced already", "What is known cannot be made unknown: leave announced_at as it was.")
	}
	announced := was.AnnouncedAt
	begun := !was.StartsAt.After(now) && in.Body.StartsAt.Equal(was.StartsAt)
	if err := in.Body.change(&e, site.Kind, now, begun); err != nil {
		return nil, err
	}
	if in.Body.AnnouncedAt == nil {
		e.AnnouncedAt = announced
	}
	e.UpdatedAt = now
	if e, err = s.c.Store.UpdateEvent(ctx, e); err != nil {
		return nil, fmt.Errorf("changing event %s: %w", in.ID, err)
	}
	return &eventOut{eventBody(e)}, nil
}

func (s *Server) deleteEvent(ctx context.Context, in *EventPath) (*struct{}, error) {
	e, err := s.event(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.c.Store.DeleteEvent(ctx, e.AccountID, e.ID, s.now()); err != nil {
		return nil, fmt.Errorf("removing event %s: %w", in.ID, err)
	}
	return nil, nil
}

// event reads an event of the caller's account and sites; any other is not found.
func (s *Server) event(ctx context.Context, id string) (surgecast.PlannedEvent, error) {
	who := caller(ctx)
	if !strings.HasPrefix(id, "evt_") || !printable(id) {
		return surgecast.PlannedEvent{}, notFound("event", id)
	}
	e, err := s.c.Store.EventByID(ctx, who.account, id)
	if errors.Is(err, surgecast.ErrNotFound) || err == nil && !who.sees(e.SiteID) {
		return surgecast.PlannedEvent{}, notFound("event", id)
	}
	if err != nil {
		return surgecast.PlannedEvent{}, fmt.Errorf("reading event %s: %w", id, err)
	}
	return e, nil
}

// into writes the fields into a new event, with its own defaults and checks.
func (f EventFields) into(e *surgecast.PlannedEvent, kind surgecast.SiteKind, now time.Time) error {
	return f.change(e, kind, now, false)
}

// change writes the fields into an event. One that has begun keeps its start and is not refused for it.
func (f EventFields) change(e *surgecast.PlannedEvent, kind surgecast.SiteKind, now time.Time, begun bool) error {
	e.Kind, e.Name, e.StartsAt, e.ExpectedReach = surgecast.EventKind(f.Kind), f.Name, f.StartsAt, f.ExpectedReach
	e.EndsAt, e.AnnouncedAt = time.Time{}, time.Time{}
	if f.EndsAt != nil {
		e.EndsAt = *f.EndsAt
	}
	if f.AnnouncedAt != nil {
		e.AnnouncedAt = *f.AnnouncedAt
	}
	e.Default(kind, now)
	if begun {
		return e.Check()
	}
	return e.CheckNew(now)
}

func eventBody(e surgecast.PlannedEvent) EventBody {
	return EventBody{
		ID: e.ID, Site: e.Site, CreatedAt: e.CreatedAt.UTC(), UpdatedAt: e.UpdatedAt.UTC(),
		EventFields: EventFields{
			Kind: string(e.Kind), Name: e.Name, StartsAt: e.StartsAt.UTC(), EndsAt: maybe(e.EndsAt), ExpectedReach: e.ExpectedReach, AnnouncedAt: maybe(e.AnnouncedAt),
		},
	}
}
