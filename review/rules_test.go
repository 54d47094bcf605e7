package review

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"surgecast"
)

func TestReactive(t *testing.T) {
	r := reactive{capacity: surgecast.CapacityProfile{RPMPerUnit: 100}, sustain: 1}
	nan := math.NaN()
	tests := []struct {
		name            string
		past            []float64
		serving, wanted int
		want            int
	}{
		// 141 > .7 · 200; 1.5 · 141 = 211.5 needs 3 units.
		{"above 70 %", []float64{100, 141}, 2, 2, 3},
		// 140 is not above .7 · 200 = 140, and 1.5 · 140 = 210 would be 3: it stays at 2.
		{"at 70 %", []float64{140}, 2, 2, 2},
		// 60 ≤ 140; the highest of 15 is 60, 1.5 · 60 = 90: one unit will do.
		{"quiet for 15 minutes", slices.Repeat([]float64{60}, 15), 2, 2, 1},
		// The same, but 130 fourteen minutes ago: 1.5 · 130 = 195 still needs the 2.
		{"not quiet long enough", append([]float64{130}, slices.Repeat([]float64{60}, 14)...), 2, 2, 2},
		// Above 70 % of what serves, but more is already on its way: never take an order back while rising.
		{"order on its way", []float64{190}, 2, 5, 5},
		{"missing minute", []float64{190, nan}, 2, 2, hold},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.ask(tt.past, tt.serving, tt.wanted); got != tt.want {
				t.Errorf("ask = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestLastDay(t *testing.T) {
	past := make([]float64, minutesPerDay) // yesterday whole; the next minute is minute 0 of it, a day later
	past[9+lastDayWindow-1] = 100          // last minute of the window 0 … lead + 60
	past[9+lastDayWindow] = 900            // just outside
	r := lastDay{capacity: surgecast.CapacityProfile{RPMPerUnit: 100}, lead: 9}
	if got := r.ask(past, 0, 0); got != 2 { // 1.3 · 100 = 130: 2 units
		t.Errorf("ask = %d, want 2", got)
	}
	if got := r.ask(past[1:], 0, 0); got != hold {
		t.Errorf("without a whole day before, ask = %d, want hold", got)
	}
}

func TestStaticIsSetAtMidnight(t *testing.T) {
	// 999 minutes of 50 and one of 900: at least 99.9 % lie at or below 50 (999 of 1,000), so one unit will do.
	past := append(slices.Repeat([]float64{50}, 999), 900)
	r := &static{capacity: surgecast.CapacityProfile{RPMPerUnit: 100}, start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if got := r.ask(past, 0, 0); got != 1 {
		t.Errorf("first ask = %d, want 1", got)
	}
	past = append(past, slices.Repeat([]float64{900}, 439)...) // 23:59 has not ended
	if got := r.ask(past, 0, 0); got != 1 {
		t.Errorf("before midnight ask = %d, want 1 as set in the morning", got)
	}
	if got := r.ask(append(past, 900), 0, 0); got != 9 {
		t.Errorf("at midnight ask = %d, want 9", got)
	}
}

// TestRulesKnowNoFuture is promise 2 for the rivals and for the way they are asked: whatever comes after a
// minute, what was wanted up to it is the same. It fails when play hands out s.requests[:t+2].
func TestRulesKnowNoFuture(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n, cut = 4 * minutesPerDay, 2*minutesPerDay + 700
	calm, poisoned := newSeries(1), newSeries(1)
	for i := range n {
		x := 150 + 100*math.Sin(float64(i)/200) + 50*rng.Float64()
		if rng.IntN(50) == 0 {
			x = math.NaN()
		}
		calm.push(x, false)
		if i > cut {
			x = 1e6
		}
		poisoned.push(x, false)
	}
	p := profile()
	for k, r := range rivals(p, calm.start) {
		before := play(r, calm, minutesPerDay, n, p, nil)
		after := play(rivals(p, calm.start)[k], poisoned, minutesPerDay, n, p, nil)
		if i := cut + 1 - minutesPerDay; !slices.Equal(before.wanted[:i], after.wanted[:i]) {
			t.Errorf("%s wanted other units before minute %d because of what came after it", r.name(), cut)
		}
		if r.name() != (configured{}).name() && slices.Equal(before.wanted, after.wanted) {
			t.Errorf("%s did not notice a million requests a minute: the test cannot fail", r.name())
		}
	}
}

func TestUnitsFor(t *testing.T) {
	for _, tt := range []struct {
		demand, per float64
		want        int
	}{
		{40000, 5000, 8}, {40001, 5000, 9}, {.1 * 3 * 100000, 10000, 3}, {0, 10, 0}, {10, 0, hold}, {math.NaN(), 10, hold},
	} {
		if got := unitsFor(tt.demand, surgecast.CapacityProfile{RPMPerUnit: tt.per}); got != tt.want {
			t.Errorf("unitsFor(%v, %v) = %d, want %d", tt.demand, tt.per, got, tt.want)
		}
	}
}

func TestLedgerRuleIsLateWhenItsRowIs(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := NewBuilder(Options{Site: surgecast.Site{Capacity: profile()}})
	for i := range 10 {
		if err := b.Minute(surgecast.TrafficMinute{Minute: start.Add(time.Duration(i) * time.Minute), Requests: 1}); err != nil {
			t.Fatal(err)
		}
	}
	row := func(origin int, after time.Duration, units int) {
		at := start.Add(time.Duration(origin) * time.Minute)
		f := surgecast.SiteForecast{Origin: at, IssuedAt: at.Add(time.Minute + after), Recommendation: surgecast.Recommendation{Units: 1, WouldBeUnits: units}}
		if err := b.Forecast(&f); err != nil {
			t.Fatal(err)
		}
	}
	row(2, 5*time.Second, 3) // as prompt as any watermark allows: a decision at the end of minute 2
	row(4, 2*time.Minute, 5) // two minutes late: a decision at the end of minute 6
	l := b.ledger()
	want := map[int]int{2: 3, 6: 5}
	for i := range 10 {
		got := l.ask(make([]float64, i+1), 0, 0)
		if w, ok := want[i]; ok && got != w || !ok && got != hold {
			t.Errorf("at the end of minute %d ask = %d, want %d (else hold)", i, got, want[i])
		}
	}
}
