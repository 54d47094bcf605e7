package model_test

import (
	"math"
	"testing"
	"time"

	"surgecast"
	"surgecast/model"
)

// A site with three classes of talk that are heard and three that never are. DESIGN 11: ≤ 150 µs a site
// with the full mixture, no allocations; here two such mixtures and the talk run side by side.
func BenchmarkStepDriven(b *testing.B) {
	d := model.NewDriven(model.Config{
		StepSeconds: 60, Location: time.UTC, Leads: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:],
		Horizons: surgecast.HorizonMinutes[:], Sustain: 3, Full: true,
	}, make([]model.Driver, 6))
	talk := []float64{0, 0, 0, math.NaN(), math.NaN(), math.NaN()}
	step := func(i int) {
		x := math.Sin(float64(i) / 1440 * 2 * math.Pi)
		talk[0], talk[1], talk[2] = math.Round(8+4*x), float64(i%3), float64(i%5/4)
		d.Step(1_700_000_000+int64(i)*60, model.Obs{Value: math.Round(500 * (1 + .5*x))}, talk)
	}
	for i := range 3000 { // two days: everything that is learnt is on
		step(i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		step(3000 + i)
	}
	b.ReportMetric(150, "budget_us/op")
}

// A restart reads a snapshot of every site before it serves: a thousand of them are part of the takeover's 50 s.
func BenchmarkRestoreDriven(b *testing.B) {
	c := model.Config{
		StepSeconds: 60, Location: time.UTC, Leads: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:],
		Horizons: surgecast.HorizonMinutes[:], Sustain: 3, Full: true,
	}
	d := model.NewDriven(c, make([]model.Driver, 6))
	for i := range 100 {
		d.Step(1_700_000_000+int64(i)*60, model.Obs{Value: float64(i)}, []float64{1, 2, 3, 4, 5, 6})
	}
	blob, err := d.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.UnmarshalBinary(blob); err != nil {
			b.Fatal(err)
		}
	}
}
