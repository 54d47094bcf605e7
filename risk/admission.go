package risk

import (
	"math"
	"time"

	"surgecast"
)

// admissionHeadroom is the share of capacity that is given away: a waiting room that fills a site to its
// last request has no room for the next burst of those inside (95 % of capacity already counts as saturated).
const admissionHeadroom = .9

// Admit is how many visitors a minute a site can let in (UX 1: the rate for a waiting room), and how many
// recipients a minute a campaign may send to, over the next window of minutes.
//
//	admitted requests   A = .9 C
//	visitors            V = A / requests of a visit            new ones a minute
//	inside at once      L = V · minutes of a visit              Little's law
//	recipients          (A − q.95 of the highest demand over the window) / requests of a recipient
//
// NaN or zero visits and minutes are refused by the caller.
func Admit(f *surgecast.SiteForecast, requestsPerVisitor, visitMinutes, requestsPerRecipient float64, windowMinutes int, now time.Time) surgecast.Admission {
	a := surgecast.Admission{
		At: now, CapacityRPM: math.NaN(), AdmitRPM: math.NaN(), OthersRPM: math.NaN(), RequestsPerVisitor: requestsPerVisitor,
		VisitMinutes: visitMinutes, RequestsPerRecipient: requestsPerRecipient, WindowMinutes: windowMinutes,
	}
	if f == nil || !(f.CapacityRPM > 0) {
		return a
	}
	a.CapacityRPM = f.CapacityRPM
	a.AdmitRPM = admissionHeadroom * f.CapacityRPM
	a.NewVisitorsPerMinute = int(a.AdmitRPM / requestsPerVisitor)
	a.ActiveVisitors = int(a.AdmitRPM / requestsPerVisitor * visitMinutes)
	a.OthersRPM = highest95(f, windowMinutes)
	if room := a.AdmitRPM - max(a.OthersRPM, f.DemandRPM); room > 0 {
		a.RecipientsPerMinute = int(room / requestsPerRecipient)
	}
	return a
}

// highest95 is the .95 quantile of the highest demand of a window, that of the next horizon at or beyond it.
func highest95(f *surgecast.SiteForecast, minutes int) float64 {
	k := 0
	for i, l := range f.Levels {
		if math.Abs(l-.95) < math.Abs(f.Levels[k]-.95) {
			k = i
		}
	}
	for i, h := range f.HorizonMinutes {
		if (h >= minutes || i == len(f.HorizonMinutes)-1) && i < len(f.MaxQuantilesRPM) && k < len(f.MaxQuantilesRPM[i]) {
			return f.MaxQuantilesRPM[i][k]
		}
	}
	return math.NaN()
}
