package api

import (
	"context"
	"fmt"
	"time"

	"surgecast"
)

// OverrideNew is a person's word on the units.
type OverrideNew struct {
	Units int       `json:"units" minimum:"0" maximum:"1000000"`
	Until time.Time `json:"until" doc:"When it ends; at most 30 days ahead"`
	By    string    `json:"by" maxLength:"100" required:"false" doc:"Who says so; default the name of the key, which otherwise stands beside it"`
	Note  string    `json:"note" maxLength:"500" required:"false"`
}

// OverrideBody is a person's word that holds.
type OverrideBody struct {
	Units int       `json:"units"`
	Until time.Time `json:"until"`
	By    string    `json:"by"`
	Note  string    `json:"note"`
	SetAt time.Time `json:"set_at"`
}

// FreezeBody says whether all acting is stopped.
type FreezeBody struct {
	Frozen bool `json:"frozen"`
}

type (
	overridePutIn struct {
		SitePath
		Body OverrideNew
	}
	overrideOut struct{ Body OverrideBody }
	freezeIn    struct {
		Body struct {
			Frozen *bool `json:"frozen" required:"false" nullable:"false" doc:"Default true"` // no default in the schema: it would take the place of a false that was said
		}
	}
	freezeOut struct{ Body FreezeBody }
)

// mostOverride: a person's word that nobody remembers is a trap.
const mostOverride = 30 * 24 * time.Hour

func (s *Server) getOverride(ctx context.Context, in *SitePath) (*overrideOut, error) {
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if !holds(st.override, s.now()) {
		return nil, notFound("override", in.Site)
	}
	return &overrideOut{overrideBody(*st.override)}, nil
}

func (s *Server) putOverride(ctx context.Context, in *overridePutIn) (*overrideOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	now := s.now()
	switch ahead := in.Body.Until.Sub(now); {
	case ahead <= 0:
		return nil, fieldProblem("until", codeInvalidValue, fmt.Sprintf("lies in the past: it is %s here", now.Format(time.RFC3339)), "Say until when it shall hold.")
	case ahead > mostOverride:
		return nil, fieldProblem("until", codeInvalidValue, "more than 30 days ahead", "Choose an earlier end; change min_units for good.")
	}
	o := surgecast.Override{SiteID: site.ID, Units: in.Body.Units, Until: in.Body.Until.UTC(), By: caller(ctx).author(in.Body.By), Note: in.Body.Note, SetAt: now}
	if err := s.c.Store.SetOverride(ctx, o); err != nil {
		return nil, fmt.Errorf("setting the override of %s: %w", in.Site, err)
	}
	s.memory.setOverride(site.ID, &o)
	s.log.InfoContext(ctx, "override set", "site", site.Slug, "units", o.Units, "until", o.Until, "key", caller(ctx).key)
	return &overrideOut{overrideBody(o)}, nil
}

func (s *Server) deleteOverride(ctx context.Context, in *SitePath) (*struct{}, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if err := s.c.Store.ClearOverride(ctx, site.ID, caller(ctx).name, s.now()); err != nil {
		return nil, fmt.Errorf("clearing the override of %s: %w", in.Site, err)
	}
	s.memory.setOverride(site.ID, nil)
	s.log.InfoContext(ctx, "override cleared", "site", site.Slug, "key", caller(ctx).key)
	return nil, nil
}

func (s *Server) getFreeze(ctx context.Context, _ *struct{}) (*freezeOut, error) {
	frozen, err := s.c.Store.Frozen(ctx, caller(ctx).account)
	if err != nil {
		return nil, fmt.Errorf("reading the freeze: %w", err)
	}
	return &freezeOut{FreezeBody{frozen}}, nil
}

func (s *Server) setFreeze(ctx context.Context, in *freezeIn) (*freezeOut, error) {
	who := caller(ctx)
	if p := who.bound(); p != nil {
		return nil, p
	}
	frozen := in.Body.Frozen == nil || *in.Body.Frozen
	if err := s.c.Store.SetFrozen(ctx, who.account, frozen, who.name, s.now()); err != nil {
		return nil, fmt.Errorf("setting the freeze: %w", err)
	}
	s.memory.setFrozen(who.account, frozen, s.now())
	s.log.InfoContext(ctx, "freeze set", "frozen", frozen, "key", who.key)
	return &freezeOut{FreezeBody{frozen}}, nil
}

// holds reports whether a person's word counts at now.
func holds(o *surgecast.Override, now time.Time) bool { return o != nil && now.Before(o.Until) }

func overrideBody(o surgecast.Override) OverrideBody {
	return OverrideBody{Units: o.Units, Until: o.Until.UTC(), By: o.By, Note: o.Note, SetAt: o.SetAt.UTC()}
}
