package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"surgecast"
)

// CapacityBody is what a site can serve and what being wrong costs. What is left out gets a default.
type CapacityBody struct {
	Units      int     `json:"units" minimum:"0" maximum:"1000000" required:"false" doc:"Units serving now, as configured; default 1"`
	MinUnits   int     `json:"min_units" minimum:"0" maximum:"1000000" required:"false" doc:"Never fewer; default 1"`
	MaxUnits   int     `json:"max_units" minimum:"0" maximum:"1000000" required:"false" doc:"Never more; 0: no cap"`
	RPMPerUnit float64 `json:"rpm_per_unit" minimum:"0" maximum:"1000000000" required:"false" doc:"Requests a minute one unit serves, as stated or measured; 0: not stated"`
	// Where nobody measured it.
	WorkersPerUnit int     `json:"workers_per_unit" minimum:"0" maximum:"10000" required:"false" doc:"Requests one unit answers at once. With service_seconds and p95_limit_ms, and without rpm_per_unit, capacity_rpm is the most with which 95 in 100 requests wait no longer than p95_limit_ms leaves (Erlang C, one queue). A load test taken over clears both; 0: not stated"`
	ServiceSeconds float64 `json:"service_seconds" minimum:"0" maximum:"600" required:"false" doc:"Seconds a request takes on average when nobody waits; 0: not stated"`

	CapacityRPM Rate `json:"capacity_rpm" required:"false" doc:"What units serve, by the measured curve, units × rpm_per_unit or their workers; null: unknown, no risk is claimed. Read only"`

	Measured *MeasuredNowBody `json:"measured" required:"false" doc:"What load tests tell of capacity_rpm; null: the figure was set by hand. Read only; another rpm_per_unit drops it"`

	LeadTimeP50Seconds      int     `json:"lead_time_p50_seconds" minimum:"0" maximum:"86400" required:"false" doc:"Decision until serving, median; default 300"`
	LeadTimeP95Seconds      int     `json:"lead_time_p95_seconds" minimum:"0" maximum:"86400" required:"false" doc:"Decision until serving, 95 in 100 are faster; default 600"`
	SustainMinutes          int     `json:"sustain_minutes" minimum:"0" maximum:"60" required:"false" doc:"Demand is the mean of so many minutes; default 3"`
	P95LimitMS              int     `json:"p95_limit_ms" minimum:"0" maximum:"1000000" required:"false" doc:"Slower minutes count as saturated; 0: not judged"`
	CostLostRequest         float64 `json:"cost_lost_request" minimum:"0" maximum:"1000000000" required:"false" doc:"Money lost with one request that could not be served"`
	CostIdleUnitHour        float64 `json:"cost_idle_unit_hour" minimum:"0" maximum:"1000000000" required:"false" doc:"Money one idle unit costs an hour"`
	Currency                string  `json:"currency" pattern:"^([A-Z]{3})?$" required:"false" doc:"ISO 4217; default EUR"`
	TargetQuantile          float64 `json:"target_quantile" minimum:"0" maximum:"0.999" required:"false" doc:"Overrides the quantile of the costs; 0: from the costs"`
	AlertProbability        float64 `json:"alert_probability" minimum:"0" maximum:"1" required:"false" doc:"Risk above it is an alert; default 0.2"`
	MaxExtraUnitHoursPerDay float64 `json:"max_extra_unit_hours_per_day" minimum:"0" maximum:"1000000000" required:"false" doc:"Spending cap of the floor; 0: no cap"`
}

// SegmentBody is one kind of traffic with a limit of its own.
type SegmentBody struct {
	Name        string  `json:"name" pattern:"^[a-z0-9][a-z0-9_-]{0,62}$"`
	CapacityRPM float64 `json:"capacity_rpm" minimum:"0" required:"false" doc:"0: judged only through the total"`
	Weight      float64 `json:"weight" minimum:"0" maximum:"1000000" required:"false" doc:"Load of one request in requests of the total; 0: 1"`
}

// SiteFields is what a person says of a site.
type SiteFields struct {
	Name string `json:"name" maxLength:"200" required:"false" doc:"Default: the slug"`
	Kind string `json:"kind" enum:"shop,venue,newsroom" required:"false" doc:"Chooses words and priors; default shop"`
	Mode string `json:"mode" enum:"shadow,advise,act" required:"false" doc:"How far the service is trusted: in shadow /scale answers min_units; default shadow"`
	// ModeSince guards a change: the mode on a page that was opened yesterday must not undo what happened since.
	ModeSince *time.Time `json:"mode_since,omitempty" doc:"When the mode was last changed. Sent back with PUT it guards the change: 409 if the mode has been changed since"`

	TimeZone string        `json:"time_zone" maxLength:"64" required:"false" doc:"IANA name, for example Europe/Berlin; default UTC"`
	Capacity CapacityBody  `json:"capacity" required:"false"`
	Segments []SegmentBody `json:"segments,omitempty" maxItems:"16"`
}

// SiteNew makes a site.
type SiteNew struct {
	Slug string `json:"slug" pattern:"^[a-z0-9][a-z0-9-]{0,62}$" doc:"Immutable name in addresses"`
	SiteFields
}

// SiteBody is a site.
type SiteBody struct {
	Slug string `json:"slug"`
	SiteFields
	Simulated bool        `json:"simulated" doc:"Made by the simulator: say so wherever it is shown"`
	ModeBy    string      `json:"mode_by" doc:"Who changed the mode: the name of a key, or ledger; empty: not known"`
	ModeWhy   string      `json:"mode_why" doc:"Why the ledger took the site from act to advise; empty: a person chose the mode"`
	CreatedAt time.Time   `json:"created_at"`
	UpdatedAt time.Time   `json:"updated_at"`
	Status    *SiteStatus `json:"status,omitempty" doc:"With sort=risk: where it stands now"`
}

// SitePath names a site in the address.
type SitePath struct {
	Site string `path:"site" maxLength:"63" doc:"Slug of the site"`
}

type siteOut struct{ Body SiteBody }

type sitesIn struct {
	PageQuery
	Sort string `query:"sort" enum:"slug,risk" default:"slug" doc:"risk: who needs someone first, with status"`
}

// SitesBody is a list of sites, and the time it is of.
type SitesBody struct {
	Now   time.Time  `json:"now"`
	Items []SiteBody `json:"items"`
	Next  string     `json:"next,omitempty" doc:"Cursor of the next part: send it as after; absent at the end"`
}

type sitesOut struct{ Body SitesBody }

type siteNewIn struct{ Body SiteNew }

type siteNewOut struct {
	Location string `header:"Location"`
	Body     SiteBody
}

type sitePutIn struct {
	SitePath
	Body SiteFields
}

func (s *Server) siteRoutes() {
	register(s, operation("GET", "/v1/sites", "list-sites", "Sites, or the worklist with sort=risk"), surgecast.ScopeRead, s.listSites)
	op := operation("POST", "/v1/sites", "create-site", "Make a site")
	op.Description = mostOf(surgecast.MaxSites, "sites")
	registerMaking(s, op, surgecast.ScopeWrite, s.createSite)
	register(s, operation("GET", "/v1/sites/{site}", "get-site", "One site"), surgecast.ScopeRead, s.getSite)
	register(s, operation("PUT", "/v1/sites/{site}", "put-site", "Change a site"), surgecast.ScopeWrite, s.putSite)
	op = operation("GET", "/v1/sites/{site}/modes", "site-modes", "Who changed how far the site is trusted, and why")
	op.Description = "Newest first. A person's click changes the mode; the ledger takes a site from act to advise after a week of forecasts that were wrong too often, and says so with the figures."
	register(s, op, surgecast.ScopeRead, s.modes)
	op = operation("DELETE", "/v1/sites/{site}", "delete-site", "Delete a site and stop all that goes on for it")
	op.Description = "Goes at once: its settings, links to topics, planned events, ladder, overrides, notices, load tests, models and messages not yet sent. " +
		"Its open surges are closed within seconds, and surge.closed is sent. Its minutes, forecasts, decisions and the log of deliveries stay, unreachable by its name, " +
		"until retention drops them; its surges stay. A new site of the same slug begins with nothing."
	register(s, op, surgecast.ScopeWrite, s.deleteSite)
}

func (s *Server) listSites(ctx context.Context, in *sitesIn) (*sitesOut, error) {
	who := caller(ctx)
	now := s.now()
	if in.Sort == "risk" {
		return s.worklist(who, in, now)
	}
	p, err := in.page("sites")
	if err != nil {
		return nil, err
	}
	sites, next, err := s.c.Store.Sites(ctx, who.account, p)
	if err != nil {
		return nil, fmt.Errorf("listing sites: %w", err)
	}
	out := &sitesOut{Body: SitesBody{Now: now, Items: []SiteBody{}, Next: cursor("sites", next)}}
	for _, site := range sites {
		if who.sees(site.ID) {
			out.Body.Items = append(out.Body.Items, siteBody(site))
		}
	}
	return out, nil
}

func (s *Server) createSite(ctx context.Context, in *siteNewIn) (*siteNewOut, error) {
	who := caller(ctx)
	if p := who.bound(); p != nil {
		return nil, p
	}
	site := surgecast.Site{AccountID: who.account, Slug: in.Body.Slug, ModeBy: who.name, CreatedAt: s.now(), UpdatedAt: s.now()}
	if err := in.Body.SiteFields.into(&site); err != nil {
		return nil, err
	}
	made, err := s.c.Store.CreateSite(ctx, site)
	if err != nil {
		return nil, fmt.Errorf("creating site %s: %w", site.Slug, err)
	}
	s.memory.put(made)
	return &siteNewOut{Location: "/v1/sites/" + made.Slug, Body: siteBody(made)}, nil
}

func (s *Server) getSite(ctx context.Context, in *SitePath) (*siteOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	return &siteOut{Body: siteBody(site)}, nil
}

func (s *Server) putSite(ctx context.Context, in *sitePutIn) (*siteOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if err := in.Body.into(&site); err != nil {
		return nil, err
	}
	site.UpdatedAt, site.ModeBy, site.ModeSince = s.now(), caller(ctx).name, time.Time{}
	if in.Body.ModeSince != nil {
		site.ModeSince = *in.Body.ModeSince
	}
	site, err = s.c.Store.UpdateSite(ctx, site)
	if errors.Is(err, surgecast.ErrConflict) {
		return nil, problem(http.StatusConflict, codeConflict, "the mode of this site has been changed since", "Read the site again, see mode_why, and decide on what is there now.")
	}
	if err != nil {
		return nil, fmt.Errorf("changing site %s: %w", in.Site, err)
	}
	s.memory.put(site)
	return &siteOut{Body: siteBody(site)}, nil
}

func (s *Server) deleteSite(ctx context.Context, in *SitePath) (*struct{}, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if err := s.c.Store.DeleteSite(ctx, site.AccountID, site.Slug); err != nil {
		return nil, fmt.Errorf("deleting site %s: %w", in.Site, err)
	}
	s.memory.drop(site.ID)
	return nil, nil
}

// site reads a site of the caller's account, or says that there is none: another account's, or one the
// key is not bound to, is not found.
func (s *Server) site(ctx context.Context, slug string) (surgecast.Site, error) {
	who := caller(ctx)
	if !surgecast.ValidSlug(slug) {
		return surgecast.Site{}, notFound("site", slug)
	}
	site, err := s.c.Store.SiteBySlug(ctx, who.account, slug)
	if errors.Is(err, surgecast.ErrNotFound) || err == nil && !who.sees(site.ID) {
		return surgecast.Site{}, notFound("site", slug)
	}
	if err != nil {
		return surgecast.Site{}, fmt.Errorf("reading site %s: %w", slug, err)
	}
	return site, nil
}

// standing is where a site of the caller stands, from memory alone. A site another process made a
// moment ago is looked up once.
func (s *Server) standing(ctx context.Context, slug string) (standing, error) {
	who := caller(ctx)
	starting := !s.loaded.Load() // before the copy is made
	st, ok := s.memory.of(who.account, slug)
	if !ok {
		site, err := s.site(ctx, slug)
		if err != nil {
			return standing{}, err
		}
		s.memory.put(site)
		st, _ = s.memory.of(who.account, slug)
	}
	if !who.sees(st.site.ID) {
		return standing{}, notFound("site", slug)
	}
	st.starting = starting
	return st, nil
}

// into writes the fields into a site: what was left open gets the site's own defaults, and its own
// checks say what is wrong.
func (f SiteFields) into(s *surgecast.Site) error {
	segments := make([]surgecast.Segment, 0, len(f.Segments))
	for i, g := range f.Segments {
		field := fmt.Sprintf("segments[%d].name", i)
		if g.Name == surgecast.TotalSegment {
			return fieldProblem(field, codeInvalidValue, "total is the name of the whole", "Give the segment another name.")
		}
		if slices.ContainsFunc(segments, func(o surgecast.Segment) bool { return o.Name == g.Name }) {
			return fieldProblem(field, codeInvalidValue, "two segments of one name", "Give each its own name.")
		}
		segments = append(segments, surgecast.Segment{Name: g.Name, CapacityRPM: g.CapacityRPM, Weight: g.Weight})
	}
	c := f.Capacity
	s.Name, s.Kind, s.Mode, s.TimeZone = strings.TrimSpace(f.Name), surgecast.SiteKind(f.Kind), surgecast.Mode(f.Mode), f.TimeZone
	s.Segments = segments
	s.Capacity = surgecast.CapacityProfile{
		Units: c.Units, MinUnits: c.MinUnits, MaxUnits: c.MaxUnits, RPMPerUnit: c.RPMPerUnit, WorkersPerUnit: c.WorkersPerUnit, ServiceSeconds: c.ServiceSeconds,
		LeadTimeP50Seconds: c.LeadTimeP50Seconds, LeadTimeP95Seconds: c.LeadTimeP95Seconds,
		SustainMinutes: c.SustainMinutes, P95LimitMS: c.P95LimitMS,
		CostLostRequest: c.CostLostRequest, CostIdleUnitHour: c.CostIdleUnitHour, Currency: c.Currency,
		TargetQuantile: c.TargetQuantile, AlertProbability: c.AlertProbability, MaxExtraUnitHoursPerDay: c.MaxExtraUnitHoursPerDay,
	}
	s.Default()
	return s.Check()
}

func siteBody(s surgecast.Site) SiteBody {
	c := s.Capacity
	b := SiteBody{
		Slug: s.Slug, Simulated: s.Simulated, ModeBy: s.ModeBy, ModeWhy: s.ModeWhy, CreatedAt: s.CreatedAt.UTC(), UpdatedAt: s.UpdatedAt.UTC(),
		SiteFields: SiteFields{
			Name: s.Name, Kind: string(s.Kind), Mode: string(s.Mode), ModeSince: maybe(s.ModeSince), TimeZone: s.TimeZone,
			Segments: []SegmentBody{},
			Capacity: CapacityBody{
				Units: c.Units, MinUnits: c.MinUnits, MaxUnits: c.MaxUnits, RPMPerUnit: c.RPMPerUnit, WorkersPerUnit: c.WorkersPerUnit, ServiceSeconds: c.ServiceSeconds,
				CapacityRPM: Rate(unknownIfZero(c.RPM())), Measured: measuredNow(c, c.Units),
				LeadTimeP50Seconds: c.LeadTimeP50Seconds, LeadTimeP95Seconds: c.LeadTimeP95Seconds,
				SustainMinutes: c.SustainMinutes, P95LimitMS: c.P95LimitMS,
				CostLostRequest: c.CostLostRequest, CostIdleUnitHour: c.CostIdleUnitHour, Currency: c.Currency,
				TargetQuantile: c.TargetQuantile, AlertProbability: c.AlertProbability, MaxExtraUnitHoursPerDay: c.MaxExtraUnitHoursPerDay,
			},
		},
	}
	for _, g := range s.Segments {
		b.Segments = append(b.Segments, SegmentBody{Name: g.Name, CapacityRPM: g.CapacityRPM, Weight: g.Weight})
	}
	return b
}
