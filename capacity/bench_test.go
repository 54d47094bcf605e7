package capacity

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"surgecast"
	"surgecast/model"
)

// BenchmarkRecommend is one recommendation with its plan and costs on a real series, at a moment where it may be
// over (so that the expected loss is computed). It is done once a minute for every site.
func BenchmarkRecommend(b *testing.B) {
	s := model.New(model.Config{
		StepSeconds: 60, Location: time.UTC, Leads: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:],
		Horizons: surgecast.HorizonMinutes[:], Sustain: 3, Full: true,
	})
	rng := rand.New(rand.NewPCG(1, 2))
	at := start.Unix()
	for i := range 4 * 1440 {
		x := 600 + 400*math.Sin(float64(i)/1440*2*math.Pi)
		s.Step(at+int64(i)*60, model.Obs{Value: math.Round(x + 30*rng.NormFloat64())})
	}
	var f model.Forecast
	s.Forecast(&f)
	in := Input{
		Profile: nordlicht(), Mode: surgecast.ModeAct, Now: start, DemandNowRPM: 600, TrafficConfirms: true, WindowMaxRPM: s.MaxQuantile,
	}
	in.Profile.Units = 4
	if rec := Recommend(in); rec.CostWaiting == 0 {
		b.Fatal("nothing to lose: the benchmark would measure the short way")
	}
	b.ReportAllocs()
	for b.Loop() {
		Recommend(in)
	}
}
