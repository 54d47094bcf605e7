package api

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// A series is dropped when its number is stale: a frozen one is believed, and some scalers read NaN as zero.
// Fails when: `&& !b.Stale` is taken out of Collect, or the check of freshFor beside expired.
func TestMetricsAreDroppedWhenStale(t *testing.T) {
	ts := newTest(t)
	ts.told(ts.site(1, "nordlicht"), func(f *surgecast.SiteForecast) {
		for h := range f.HorizonMinutes {
			q := make([]float64, len(f.Levels))
			for k := range q {
				q[k] = 600 * float64(h+k)
			}
			f.MaxQuantilesRPM = append(f.MaxQuantilesRPM, q)
		}
	})
	scrape := func() string {
		w := httptest.NewRecorder()
		ts.MetricsHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	told := []string{
		`surgecast_recommended_units{account="1",site="nordlicht"} 13`,
		`surgecast_would_be_units{account="1",site="nordlicht"} 13`,
		`surgecast_planned_rps{account="1",site="nordlicht"} 43`,
		// Of the levels .5 is the eighth, of the horizons an hour the fourth: 600 · (3 + 7) a minute.
		`surgecast_expected_rps{account="1",quantile="0.5",site="nordlicht"} 100`,
		`surgecast_exceed_probability{account="1",horizon="15m",site="nordlicht"} 0.2`,
		`surgecast_exceed_probability{account="1",horizon="24h",site="nordlicht"} 0.75`,
		`surgecast_forecast_valid_until_seconds{account="1",site="nordlicht"} `,
	}
	ts.pass(2 * time.Minute)
	fresh := scrape()
	for _, line := range told {
		if !strings.Contains(fresh, line) {
			t.Errorf("%s is missing in\n%s", line, fresh)
		}
	}
	ts.pass(time.Second)
	stale := scrape()
	for _, line := range told {
		if name, _, _ := strings.Cut(line, "{"); strings.Contains(stale, name+"{") {
			t.Errorf("stale, and %s is still told", name)
		}
	}
	if !strings.Contains(stale, `surgecast_forecast_age_seconds{account="1",site="nordlicht"} 121`) {
		t.Error("the age is not told")
	}
}
