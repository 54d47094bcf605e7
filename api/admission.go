package api

import (
	"context"
	"net/http"
	"time"

	"surgecast"
)

// AdmissionBody is how many visitors a site can let in, and how many recipients a campaign may send to.
type AdmissionBody struct {
	Site                 string          `json:"site"`
	Now                  time.Time       `json:"now"`
	Stale                bool            `json:"stale"`
	CapacityRPM          Rate            `json:"capacity_rpm"`
	AdmitRPM             Rate            `json:"admit_rpm" doc:"Nine tenths of the capacity: room for the bursts of those inside"`
	OthersRPM            Rate            `json:"expected_rpm_q95" doc:"Highest demand expected anyway in the window, 19 in 20"`
	RequestsPerVisitor   float64         `json:"requests_per_visitor"`
	VisitMinutes         float64         `json:"visit_minutes"`
	NewVisitorsPerMinute int             `json:"new_visitors_per_minute"`
	ActiveVisitors       int             `json:"active_visitors"`
	Campaign             CampaignBody    `json:"campaign"`
	Cloudflare           CloudflareEvent `json:"cloudflare_waiting_room_event" doc:"Body of POST /zones/{zone}/waiting_rooms/{room}/events; check it against your plan"`
}

// CampaignBody is the send rate a campaign may use.
type CampaignBody struct {
	RecipientsPerMinute  int     `json:"recipients_per_minute" doc:"0: no room now"`
	RequestsPerRecipient float64 `json:"requests_per_recipient" doc:"Your figure; default an assumption"`
	WindowMinutes        int     `json:"window_minutes"`
}

// CloudflareEvent is a waiting-room event, ready to paste.
type CloudflareEvent struct {
	Name              string    `json:"name"`
	EventStartTime    time.Time `json:"event_start_time"`
	EventEndTime      time.Time `json:"event_end_time"`
	TotalActiveUsers  int       `json:"total_active_users"`
	NewUsersPerMinute int       `json:"new_users_per_minute"`
	QueueingMethod    string    `json:"queueing_method"`
}

type (
	admissionIn struct {
		SitePath
		RequestsPerVisitor   float64 `query:"requests_per_visitor" exclusiveMinimum:"0" maximum:"100000" default:"10" doc:"Requests of one visit, all of it"`
		VisitMinutes         float64 `query:"visit_minutes" exclusiveMinimum:"0" maximum:"1440" default:"5" doc:"How long a visit lasts"`
		RequestsPerRecipient float64 `query:"requests_per_recipient" exclusiveMinimum:"0" maximum:"100000" default:"0.2" doc:"Requests a mailing's recipient brings on average: share who click, times requests of a visit"`
		WindowMinutes        int     `query:"window_minutes" minimum:"5" maximum:"1440" default:"120" doc:"What the campaign must not collide with"`
	}
	admissionOut struct{ Body AdmissionBody }
)

func (s *Server) admissionRoutes() {
	op := operation("GET", "/v1/sites/{site}/admission", "site-admission", "Safe visitors a minute, for waiting rooms, and the send rate of a campaign")
	op.Description = "From the capacity now and the forecast. The figures of a visit are yours: the defaults are assumptions."
	register(s, op, surgecast.ScopeRead, s.admission)
}

func (s *Server) admission(ctx context.Context, in *admissionIn) (*admissionOut, error) {
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if s.c.Admit == nil {
		return nil, problem(http.StatusServiceUnavailable, codeNotConfigured, "this process knows no admission rates", "Ask another one.")
	}
	now := s.now()
	f, err := plannable(st, now, func(f *surgecast.SiteForecast) bool { return f.CapacityRPM > 0 })
	if err != nil {
		return nil, err
	}
	a := s.c.Admit(f, in.RequestsPerVisitor, in.VisitMinutes, in.RequestsPerRecipient, in.WindowMinutes, now)
	end := now.Add(2 * time.Hour)
	if n := len(f.Recommendation.Plan); n > 0 && f.Recommendation.Plan[n-1].At.After(end) {
		end = f.Recommendation.Plan[n-1].At
	}
	return &admissionOut{AdmissionBody{
		Site: st.site.Slug, Now: now, Stale: stale(f, now), CapacityRPM: Rate(a.CapacityRPM), AdmitRPM: Rate(a.AdmitRPM), OthersRPM: Rate(a.OthersRPM),
		RequestsPerVisitor: in.RequestsPerVisitor, VisitMinutes: in.VisitMinutes, NewVisitorsPerMinute: a.NewVisitorsPerMinute, ActiveVisitors: a.ActiveVisitors,
		Campaign: CampaignBody{a.RecipientsPerMinute, in.RequestsPerRecipient, in.WindowMinutes},
		Cloudflare: CloudflareEvent{
			Name: "surgecast-" + st.site.Slug, EventStartTime: now.Truncate(time.Minute).Add(time.Minute), EventEndTime: end.Truncate(time.Minute),
			TotalActiveUsers: a.ActiveVisitors, NewUsersPerMinute: a.NewVisitorsPerMinute, QueueingMethod: "fifo",
		},
	}}, nil
}
