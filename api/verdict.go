package api

import (
	"time"

	"surgecast"
)

// VerdictBody is the answer in words, as the forecast came with them.
type VerdictBody struct {
	State          string   `json:"state"`
	Headline       string   `json:"headline"`
	Sentence       string   `json:"sentence"`
	Word           string   `json:"word"`
	ShownPercent   string   `json:"shown_percent"`
	ShownValue     Number   `json:"shown_value"`
	Overview       string   `json:"overview"`
	Visitors       string   `json:"visitors"`
	Caveats        []string `json:"caveats"`
	Was            string   `json:"was" doc:"What the chance was some twenty minutes ago, where it has moved since; empty: it has not"`
	HorizonMinutes int      `json:"horizon_minutes"`
	Simulated      bool     `json:"simulated"`
}

func verdictBody(v surgecast.Verdict) VerdictBody {
	return VerdictBody{
		State: string(v.State), Headline: v.Headline, Sentence: v.Sentence, Word: v.Word,
		ShownPercent: v.ShownPercent, ShownValue: Number(v.ShownValue), Overview: v.Overview, Visitors: v.Visitors,
		Caveats: append([]string{}, v.Caveats...), Was: v.Was, HorizonMinutes: v.Horizon, Simulated: v.Simulated,
	}
}

// staleAfter is when a page says how old its forecast is (UX 2.0).
const staleAfter = 3 * time.Minute

func stale(f *surgecast.SiteForecast, now time.Time) bool {
	return now.Sub(f.IssuedAt) > staleAfter || expired(f, now)
}

func expired(f *surgecast.SiteForecast, now time.Time) bool {
	end := f.ValidUntil
	if end.IsZero() {
		end = f.IssuedAt.Add(holdFor)
	}
	return now.After(end)
}

// verdict is what is said of a forecast at now. Past its end, or before the first, the state is
// cannot_tell: unknown is never calm.
func (s *Server) verdict(st standing, f *surgecast.SiteForecast, now time.Time) surgecast.Verdict {
	if f != nil && !stale(f, now) {
		return f.Verdict
	}
	if s.c.Restate != nil {
		return s.c.Restate(st.site, f, st.surge, now)
	}
	v := surgecast.Verdict{State: surgecast.StateCannotTell, Simulated: st.site.Simulated}
	if f != nil && !expired(f, now) {
		v = f.Verdict
	}
	return v
}
