package api

import (
	"context"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"surgecast"
)

const (
	freshFor = 2 * time.Minute  // after issued_at an answer is fresh
	holdFor  = 15 * time.Minute // after issued_at the last units are held, unchanged; then an error
)

// Reasons of a recommendation that /scale tells apart; capacity names them all.
const (
	reasonShadow      = "shadow"
	reasonHandingBack = "handing_back"
	reasonFrozen      = "frozen"
)

// ScaleBody is what an autoscaler polls (DESIGN 8). It is answered from memory.
type ScaleBody struct {
	Site         string    `json:"site"`
	Units        int       `json:"units" doc:"Set this many; a plain integer"`
	MinUnits     int       `json:"min_units"`
	MaxUnits     int       `json:"max_units" doc:"0: no cap"`
	WouldBeUnits *int      `json:"would_be_units" doc:"What units would be had the mode been act all along; after a switch to act units go on from what runs; null when it is not known"`
	ExpectedRPS  Number    `json:"expected_rps" doc:"Requests a second that units are meant for, at rpm_per_unit each: a trigger by requests a second comes to the same units, by a measured curve too"`
	Mode         string    `json:"mode"`
	Stale        bool      `json:"stale" doc:"Older than 120 s: the last units, unchanged"`
	Degraded     []string  `json:"degraded" doc:"Inputs that were missing, for example mentions"`
	IssuedAt     time.Time `json:"issued_at"`
	ValidUntil   time.Time `json:"valid_until" doc:"From then on the answer is 503, not a guess"`
	AgeSeconds   int       `json:"age_seconds"`
	Reason       string    `json:"reason"`
}

type (
	scaleIn struct {
		SitePath
		Format string `query:"format" enum:"json,prometheus" default:"json" doc:"prometheus: text exposition, for scalers that read it"`
	}
	// scaleOut writes itself, because the format is asked for in the query.
	scaleOut struct{ Body func(huma.Context) }
)

func (s *Server) scaleRoutes() {
	op := operation("GET", "/v1/sites/{site}/scale", "site-scale", "Units for an autoscaler")
	op.Description = "Fresh for 120 s; then the last units unchanged with stale true for up to 15 minutes; then 503 with Retry-After. In mode shadow units is min_units. Never falls because something is not known. While all acting is stopped (POST /v1/freeze) the units of that moment stand, from the very next answer; only an override moves them."
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[ScaleBody](), true, "ScaleBody")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "OK",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: schema},
			"text/plain":       {Schema: &huma.Schema{Type: huma.TypeString}},
		},
	}}
	register(s, op, surgecast.ScopeScale, s.scale)
	register(s, operation("GET", "/v1/sites/{site}/decisions", "site-decisions", "What /scale answered when it changed, and why"), surgecast.ScopeRead, s.decisions)
	register(s, operation("GET", "/v1/sites/{site}/override", "get-override", "The person's word on the units that holds now"), surgecast.ScopeRead, s.getOverride)
	register(s, operation("PUT", "/v1/sites/{site}/override", "put-override", "A person's word on the units; it beats everything until it ends"), surgecast.ScopeWrite, s.putOverride)
	register(s, operation("DELETE", "/v1/sites/{site}/override", "delete-override", "Take a person's word back"), surgecast.ScopeWrite, s.deleteOverride)
	register(s, operation("GET", "/v1/freeze", "get-freeze", "Whether all acting is stopped"), surgecast.ScopeRead, s.getFreeze)
	op = operation("POST", "/v1/freeze", "set-freeze", "Stop all acting of the account, or go on")
	op.Description = "/scale holds the units it answers now: from its next answer in this process, within a second in others. Messages that ask for units wait until it goes on. An override still counts."
	register(s, op, surgecast.ScopeWrite, s.setFreeze)
}

func (s *Server) scale(ctx context.Context, in *scaleIn) (*scaleOut, error) {
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	now := s.now()
	b, why := scaleAnswer(st, now)
	s.choose(ctx, st, b, why, now)
	if why != nil {
		return nil, why
	}
	return &scaleOut{func(hc huma.Context) {
		if in.Format == "prometheus" {
			hc.SetHeader("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			hc.SetStatus(http.StatusOK)
			_, _ = hc.BodyWriter().Write(b.exposition())
			return
		}
		hc.SetHeader("Content-Type", "application/json")
		hc.SetStatus(http.StatusOK)
		_ = s.api.Marshal(hc.BodyWriter(), "application/json", b) // the client is gone: nobody is left to tell
	}}, nil
}

// scaleAnswer is what /scale says: the answer by the rule, or the one that stood when a person stopped all acting. A
// freeze makes no number where there is none: an error leaves a scaler where it is, and so does a freeze.
func scaleAnswer(st standing, now time.Time) (ScaleBody, *Problem) {
	b, why := answerByRule(st, now)
	if !st.frozen || why != nil || holds(st.override, now) {
		return b, why
	}
	switch f := st.good; {
	case st.held != nil:
		b.Units = *st.held
	case f.Recommendation.Reason == reasonFrozen: // after a restart: what the engine holds
		b.Units = f.Recommendation.Units
	}
	b.Reason = reasonFrozen
	b.ExpectedRPS = Number(unknownIfZero(float64(b.Units) * perUnit(st.site.Capacity) / 60))
	return b, nil
}

// answerByRule is the whole rule of /scale while acting goes on. It never turns ignorance into a number, and never falls
// because of it:
//
//	a person's override                      that, whatever else is known
//	forecasts not loaded yet after a start   503
//	no recommendation that rests on traffic  503
//	older than 15 minutes                    503
//	older than 120 s, or newer ones blind    the last units unchanged, stale
//	capacity unknown                         min_units if someone said them, else 503
//	mode shadow                              min_units, would_be_units beside; what was answered before
//	                                         (an override, mode act) is handed back by the floor's pace
func answerByRule(st standing, now time.Time) (ScaleBody, *Problem) {
	c := st.site.Capacity
	b := ScaleBody{
		Site: st.site.Slug, MinUnits: c.MinUnits, MaxUnits: c.MaxUnits, Mode: string(st.site.Mode),
		Degraded: []string{}, ExpectedRPS: Number(math.NaN()),
	}
	f := st.good
	if f != nil {
		age := now.Sub(f.IssuedAt)
		latest := st.total()
		b.IssuedAt, b.ValidUntil = f.IssuedAt.UTC(), f.IssuedAt.Add(holdFor).UTC()
		b.AgeSeconds = max(0, int(age/time.Second))
		b.Stale = age > freshFor || latest != nil && latest != f && !usable(latest)
		b.Degraded = append(b.Degraded, f.Degraded...)
		would := f.Recommendation.WouldBeUnits
		b.WouldBeUnits = &would
		if age > holdFor {
			b.WouldBeUnits = nil
		}
	}
	if o := st.override; holds(o, now) {
		b.Units, b.Reason = o.Units, "override"
		b.ExpectedRPS = Number(unknownIfZero(float64(o.Units) * perUnit(c) / 60))
		if f == nil || now.Sub(f.IssuedAt) > holdFor { // the person's word alone: it is as old as when it was given
			b.IssuedAt, b.ValidUntil, b.Stale = o.SetAt.UTC(), o.Until.UTC(), false
			b.AgeSeconds = max(0, int(now.Sub(o.SetAt)/time.Second))
		}
		return b, nil
	}
	latest := st.total()
	switch {
	case f == nil && latest == nil && st.starting:
		return b, noNumber(codeNoForecast, "starting; forecasts are being loaded", "Ask again in some seconds; if this stays, check the database: /readyz.").with("Retry-After", "5")
	case f == nil && latest == nil:
		return b, noNumber(codeNoForecast, "there is no forecast of this site yet", "Push its traffic; the first forecast follows within a minute.")
	case f == nil || now.Sub(f.IssuedAt) > holdFor:
		if latest != nil && !usable(latest) && now.Sub(latest.IssuedAt) <= holdFor {
			return b, noNumber(codeNoTraffic, "no traffic of this site has arrived for too long to say a number", "Check what pushes its traffic.")
		}
		last := latest.IssuedAt // latest is set: a good forecast is never the only one
		return b, noNumber(codeExpired, "the last forecast is of "+last.UTC().Format(time.RFC3339)+", more than 15 minutes ago", "Check that the engine runs: /readyz.")
	}
	if perUnit(c) == 0 || math.IsNaN(f.CapacityRPM) || f.RPMPerUnit == 0 || math.IsNaN(f.RPMPerUnit) {
		b.WouldBeUnits = nil
		if c.MinUnits <= 0 {
			return b, noNumber(codeCapacityUnknown, "nobody said how much one unit serves", "Set capacity.rpm_per_unit of the site, or workers_per_unit and service_seconds, or min_units.")
		}
		// What the engine still hands back stays above the least: a profile that was emptied sheds nothing at once.
		b.Units, b.Reason = max(c.MinUnits, f.Recommendation.Units), codeCapacityUnknown
		return b, nil
	}
	if st.site.Mode != surgecast.ModeAct && st.site.Mode != surgecast.ModeAdvise {
		b.Units, b.Reason = c.MinUnits, reasonShadow
		// The engine writes another reason than shadow while it hands back, by the pace of a floor, what was answered
		// before: by a person's override, or in mode act. It may not vanish in the second somebody clicks.
		if f.Recommendation.Reason != reasonShadow && f.Recommendation.Units > c.MinUnits {
			b.Units, b.Reason = f.Recommendation.Units, reasonHandingBack
		}
		b.ExpectedRPS = Number(float64(b.Units) * perUnit(c) / 60)
		return b, nil
	}
	b.Units, b.Reason = f.Recommendation.Units, f.Recommendation.Reason
	b.ExpectedRPS = Number(float64(b.Units) * perUnit(c) / 60)
	// The finer number, where it is the one that asked for these units. Otherwise a cap, a floor on its way down or mode
	// advise decided, and a trigger that reads requests a second must be held by them like one that reads units.
	if d := f.Recommendation.DemandRPM; st.site.Mode == surgecast.ModeAct && math.Ceil(d/perUnit(c)-1e-9) == float64(b.Units) {
		b.ExpectedRPS = Number(d / 60)
	}
	if b.Stale {
		b.Reason = "stale"
	}
	return b, nil
}

func perUnit(c surgecast.CapacityProfile) float64 {
	each := c.Each()
	if math.IsNaN(each) || math.IsInf(each, 0) || each < 0 {
		return 0
	}
	return each
}

// noNumber is the answer when nothing is known: scalers hold what they have on an error, and would
// scale in on a zero.
func noNumber(code, detail, remedy string) *Problem {
	return problem(http.StatusServiceUnavailable, code, detail, remedy).with("Retry-After", "30")
}

// exposition is the answer as Prometheus text: an unknown number has no line, because scalers read NaN
// as zero.
func (b ScaleBody) exposition() []byte {
	var out []byte
	gauge := func(name, help string, x float64) {
		if math.IsNaN(x) {
			return
		}
		out = append(out, "# HELP "+name+" "+help+"\n# TYPE "+name+" gauge\n"+name+`{site="`+b.Site+`"} `+strconv.FormatFloat(x, 'f', -1, 64)+"\n"...)
	}
	gauge("surgecast_recommended_units", "Units to set.", float64(b.Units))
	gauge("surgecast_expected_rps", "Requests a second the units are meant for.", float64(b.ExpectedRPS))
	if b.WouldBeUnits != nil {
		gauge("surgecast_would_be_units", "Units in mode act.", float64(*b.WouldBeUnits))
	}
	gauge("surgecast_forecast_age_seconds", "Age of the forecast behind the units.", float64(b.AgeSeconds))
	gauge("surgecast_forecast_stale", "1 when the last units are held.", map[bool]float64{true: 1}[b.Stale])
	return out
}
