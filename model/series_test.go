package model

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var (
	siteLeads    = []int{1, 2, 3, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440}
	siteLevels   = []float64{.025, .05, .1, .2, .25, .3, .4, .5, .6, .7, .75, .8, .9, .95, .975, .99, .995, .999}
	siteHorizons = []int{5, 15, 30, 60, 120, 360, 720, 1440}
)

func siteConfig() Config {
	return Config{StepSeconds: 60, Leads: siteLeads, Levels: siteLevels, Horizons: siteHorizons, Sustain: 3, Full: true}
}

func topicConfig() Config {
	c := siteConfig()
	c.Full, c.Sustain = false, 1
	return c
}

const monday = 1704067200 // 2024-01-01T00:00:00Z

// poisson draws a Poisson count; beyond 50 a rounded normal is near enough for tests.
func poisson(r *rand.Rand, mean float64) float64 {
	if mean > 50 {
		return max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	k, p, limit := 0., 1., math.Exp(-mean)
	for {
		if p *= r.Float64(); p < limit {
			return k
		}
		k++
	}
}

func finite(t *testing.T, s *Series, f *Forecast) {
	t.Helper()
	s.Forecast(f)
	for name, m := range map[string][][]float64{"Q": f.Q, "MaxQ": f.MaxQ} {
		for i, row := range m {
			for k, v := range row {
				if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
					t.Fatalf("%s[%d][%d] = %v", name, i, k, v)
				}
				if k > 0 && v < row[k-1] {
					t.Fatalf("%s[%d] falls from %v to %v at level %d", name, i, row[k-1], v, k)
				}
			}
		}
	}
	for k, v := range f.Profile {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			t.Fatalf("Profile[%d] = %v", k, v)
		}
	}
	for h := range s.c.Horizons {
		before := 1.
		for _, c := range []float64{0, .5, 1, 3, 10, 30, 100, 1e3, 1e4, 1e6, 1e9, 1e13} {
			p := s.Risk(h, c)
			if math.IsNaN(p) || p < 0 || p > 1 {
				t.Fatalf("Risk(%d, %g) = %v", h, c, p)
			}
			if p > before {
				t.Fatalf("Risk(%d, ·) rises from %v to %v at C = %g", h, before, p, c)
			}
			if h > 0 && p < s.Risk(h-1, c) {
				t.Fatalf("Risk(·, %g) falls from %v to %v at horizon %d", c, s.Risk(h-1, c), p, h)
			}
			before = p
		}
	}
}

// A forecast at an origin must not depend on anything after it. A wave with a surge is cut at several
// origins; the same values followed by poison must give the same forecast at the origin, bit by bit.
//
// The model sees one value at a time, so it can know the future only by changing what it said. Fails when
// Forecast hands out its own rows instead of copies: put "f.Q[i] = s.leads[i].q" in its loop.
func TestNoForecastKnowsItsFuture(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	y := make([]float64, 5000)
	for i := range y {
		y[i] = poisson(r, 30*(1+.5*math.Sin(float64(i)/1440*2*math.Pi)))
		if i > 3000 && i < 3100 {
			y[i] *= 20
		}
	}
	at := func(y []float64, origin int) Forecast {
		s := New(siteConfig())
		run := func(i int) { s.Step(monday+int64(i)*60, Obs{Value: y[i]}) }
		for i := range origin + 1 {
			run(i)
		}
		var f, g Forecast
		s.Forecast(&f)
		for i := origin + 1; i < min(origin+50, len(y)); i++ { // the future arrives; what was said stands
			run(i)
		}
		s.Forecast(&g)
		return f
	}
	for _, origin := range []int{100, 1999, 3005, 3050, 4200} {
		before := at(y, origin)
		poisoned := slices.Clone(y)
		for i := origin + 1; i < len(y); i++ {
			poisoned[i] = 1e6
		}
		after := at(poisoned, origin)
		for i := range before.Q {
			if !slices.Equal(before.Q[i], after.Q[i]) {
				t.Errorf("origin %d lead %d saw the future: %v, then %v", origin, siteLeads[i], before.Q[i], after.Q[i])
			}
		}
		for i := range before.MaxQ {
			if !slices.Equal(before.MaxQ[i], after.MaxQ[i]) {
				t.Errorf("origin %d horizon %d saw the future", origin, siteHorizons[i])
			}
		}
	}
}

// Snapshot and restore in mid-stream, then go on: bit by bit what an uninterrupted run says.
//
// Fails when a field is left out of a snapshot method, e.g. c.num(&p.level) in profile.snapshot.
func TestRestoredSeriesGoesOnUnchanged(t *testing.T) {
	for name, c := range map[string]Config{"site": siteConfig(), "topic": topicConfig()} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			whole := New(c)
			obs := func(i int) Obs {
				return Obs{
					Value: poisson(r, 20*(1.2+math.Sin(float64(i)/700))), Missing: i%97 < 3,
					Bound: i%501 < 5, Damp: i%700 > 650,
				}
			}
			const half = 6001
			for i := range half {
				whole.Step(monday+int64(i)*60, obs(i))
			}
			blob, err := whole.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			again := New(c)
			if err := again.UnmarshalBinary(blob); err != nil {
				t.Fatal(err)
			}
			var f, g Forecast
			same := func(i int) {
				t.Helper()
				whole.Forecast(&f)
				again.Forecast(&g)
				for k := range f.Q {
					if !slices.Equal(f.Q[k], g.Q[k]) {
						t.Fatalf("step %d lead %d: restored %v, want %v", i, siteLeads[k], g.Q[k], f.Q[k])
					}
				}
				for k := range f.MaxQ {
					if !slices.Equal(f.MaxQ[k], g.MaxQ[k]) {
						t.Fatalf("step %d horizon %d: restored %v, want %v", i, siteHorizons[k], g.MaxQ[k], f.MaxQ[k])
					}
				}
			}
			same(half)
			for i := half; i < half+1600; i++ {
				o := obs(i)
				whole.Step(monday+int64(i)*60, o)
				again.Step(monday+int64(i)*60, o)
				if i%100 == 0 {
					same(i)
				}
			}
			a, _ := whole.MarshalBinary()
			b, _ := again.MarshalBinary()
			if !bytes.Equal(a, b) {
				t.Error("the two end in different states")
			}
			t.Logf("snapshot of a %s: %d bytes", name, len(a))
		})
	}
}

// A damaged blob is an error, never a panic, and leaves the series as it was.
func TestDamagedSnapshotIsRefused(t *testing.T) {
	s := New(topicConfig())
	for i := range 300 {
		s.Step(monday+int64(i)*60, Obs{Value: float64(i % 7)})
	}
	blob, _ := s.MarshalBinary()
	other := New(siteConfig())
	if err := other.UnmarshalBinary(blob); !errors.Is(err, ErrSnapshotGrid) {
		t.Errorf("another grid: %v, want ErrSnapshotGrid", err)
	}
	for _, version := range []byte{1, snapshotVersion - 1, 99} { // older layouts start from priors, too
		odd := slices.Clone(blob)
		odd[4] = version
		binary.LittleEndian.PutUint32(odd[len(odd)-4:], crc32.Checksum(odd[:len(odd)-4], castagnoli))
		if err := s.UnmarshalBinary(odd); !errors.Is(err, ErrSnapshotGrid) {
			t.Errorf("version %d: %v, want ErrSnapshotGrid", version, err)
		}
	}
	for _, n := range []int{0, 3, 19, 20, len(blob) / 2, len(blob) - 1} {
		if err := s.UnmarshalBinary(blob[:n]); !errors.Is(err, ErrSnapshotDamaged) {
			t.Errorf("cut to %d bytes: %v, want ErrSnapshotDamaged", n, err)
		}
	}
	for i := 0; i < len(blob); i += 211 {
		bad := slices.Clone(blob)
		bad[i] ^= 0x10
		if err := s.UnmarshalBinary(bad); err == nil {
			t.Errorf("byte %d flipped: no error", i)
		}
	}
	after, _ := s.MarshalBinary()
	if !bytes.Equal(blob, after) {
		t.Error("a refused snapshot changed the series")
	}
}

// Series that break naive code: nothing, a spike, huge counts, gaps, clock jumps, both changes of summer time.
func TestOddSeriesStayFinite(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(i int) Obs{
		"zeros":      func(int) Obs { return Obs{} },
		"constant":   func(int) Obs { return Obs{Value: 1000} },
		"one spike":  func(i int) Obs { return Obs{Value: map[bool]float64{true: 1e6}[i == 1700]} },
		"huge":       func(i int) Obs { return Obs{Value: 1e9 * float64(1+i%3)} },
		"missing":    func(int) Obs { return Obs{Missing: true} },
		"mostly not": func(i int) Obs { return Obs{Value: float64(i % 50), Missing: i%29 != 0} },
		"nonsense": func(i int) Obs {
			return Obs{Value: []float64{math.NaN(), math.Inf(1), -5, 1e300, 7}[i%5]}
		},
		"saturated": func(i int) Obs { return Obs{Value: 500, Bound: true} },
		"growth":    func(i int) Obs { return Obs{Value: math.Exp(float64(i) / 100)} },
	}
	for name, obs := range cases {
		for _, c := range []Config{siteConfig(), topicConfig()} {
			// 2024-03-30T12:00Z: the clock in Berlin jumps forward in the night; again, backwards, in October.
			for _, start := range []int64{1711800000, 1729944000} {
				c.Location = berlin
				s := New(c)
				var f Forecast
				finite(t, s, &f)
				at := start
				for i := range 2200 {
					if i == 900 {
						at += 7 * 86400 // the clock jumps
					}
					if i == 1100 {
						at -= 30 * 86400
					}
					s.Step(at, obs(i))
					at += 60
					if i%150 == 0 || i == 1701 {
						finite(t, s, &f)
					}
				}
				finite(t, s, &f)
				if t.Failed() {
					t.Fatalf("series %q, full %t", name, c.Full)
				}
			}
		}
	}
}

func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 1, 2, 255, 254, 9, 40, 80, 3}, uint8(1))
	f.Add([]byte{200, 200, 200, 0, 0, 0}, uint8(5))
	steps := []int{60, 300, 1800, 3600, 86400, 7, 604800}
	f.Fuzz(func(t *testing.T, data []byte, kind uint8) {
		if len(data) > 600 {
			data = data[:600]
		}
		step := steps[int(kind)%len(steps)]
		s := New(Config{
			StepSeconds: step, Leads: []int{1, 3, 7, 30}, Levels: siteLevels, Horizons: []int{3, 7, 30},
			Sustain: 1 + int(kind)%4, Full: kind%2 == 0,
		})
		var fc Forecast
		for i, b := range data {
			v := float64(b & 0x3f)
			if b&0x40 != 0 {
				v = math.Exp(v)
			}
			s.Step(monday+int64(i*step), Obs{Value: v, Missing: b == 0x80, Bound: b&0x80 != 0 && b&1 == 0, Damp: b&0x81 == 0x81})
			if i%64 == 0 {
				finite(t, s, &fc)
			}
		}
		finite(t, s, &fc)
	})
}

func FuzzUnmarshal(f *testing.F) {
	c := Config{StepSeconds: 60, Leads: []int{1, 5}, Levels: []float64{.1, .5, .9}, Horizons: []int{5}, Full: true}
	s := New(c)
	s.Step(monday, Obs{Value: 3})
	blob, _ := s.MarshalBinary()
	f.Add(blob)
	f.Add([]byte("SCmd"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := New(c).UnmarshalBinary(b); err == nil && !bytes.Equal(b, blob) {
			// A blob with a right checksum and any numbers restores; going on must not panic.
			again := New(c)
			_ = again.UnmarshalBinary(b)
			again.Step(monday+60, Obs{Value: 1})
		}
	})
}

// A saturated minute is a lower bound. One half at 100 when the truth was 100 or more, and everything
// below what was expected teaches nothing: the level must not sink. Once above, it must rise.
//
// Fails when memory.learn ignores bound.
func TestSaturatedMinutesTeachOnlyUpwards(t *testing.T) {
	median := func(o Obs) float64 {
		s := New(siteConfig())
		for i := range 3000 {
			s.Step(monday+int64(i)*60, Obs{Value: 1000})
		}
		for i := 3000; i < 3120; i++ {
			s.Step(monday+int64(i)*60, o)
		}
		var f Forecast
		s.Forecast(&f)
		return f.Q[7][7] // an hour ahead, median
	}
	if m := median(Obs{Value: 400, Bound: true}); m < 600 {
		t.Errorf("two hours saturated at 400 after 1000: median in an hour %.0f, want well above 400", m)
	}
	if low, exact := median(Obs{Value: 400, Bound: true}), median(Obs{Value: 400}); low <= exact {
		t.Errorf("a bound of 400 was taken for an exact 400: %.0f, exact %.0f", low, exact)
	}
	if m := median(Obs{Value: 3000, Bound: true}); m < 1800 {
		t.Errorf("two hours saturated at 3000 after 1000: median in an hour %.0f, want well above 1800", m)
	}
}

// A site stays overloaded while its visitors go: every minute of the way down is a lower bound. Memories of up to an
// hour let go of a peak that the bounds leave far above them, never below the bound; one that agrees with them changes
// nothing, and neither the level of the day nor slower ones fall.
//
// Fails when memory.learn keeps s_k at any bound below it, goes to s_{k+1} whatever the bound, drops untold, or forgets
// k ≥ base.
func TestMemoriesLetGoOfAnOverload(t *testing.T) {
	after := func(s []float64, bound float64, minutes int) []float64 {
		m := newMemory(60)
		m.n = 5000
		copy(m.s, s)
		for range minutes {
			m.learn(bound, true, 1)
		}
		return m.s
	}
	peak := []float64{2.1, 2.1, 2.1, 1.9, 1.2, .4, .2, .1}
	for k, v := range after(peak, 2.02, 60)[:3] {
		if v != peak[k] {
			t.Errorf("memory %d moved from %.3f to %.3f by a bound that agrees with it", k, peak[k], v)
		}
	}
	for k, v := range after(peak, .9, 90) {
		switch {
		case k < 3 && v > (peak[k]+.9)/2:
			t.Errorf("memory %d still says %.3f after 90 minutes at a bound of .9; the peak was %.3f", k, v, peak[k])
		case k < 3 && v < .9:
			t.Errorf("memory %d fell to %.3f, below a bound of .9", k, v)
		}
	}
	if v := after([]float64{2, .2, .2, .2, .2, .2, .2, .2}, 1.2, 1)[0]; v < 1.2 {
		t.Errorf("what one minute said fell to %.3f, below a bound of 1.2", v)
	}
	for k, v := range after(peak, -.9, 90)[6:] {
		if v != peak[6+k] {
			t.Errorf("memory %d fell from %.3f to %.3f by lower bounds", 6+k, peak[6+k], v)
		}
	}
}

// A surge must not become next week's normal: damped, the profile at the hour of a surge moves a tenth
// of what it moves otherwise.
//
// Fails when profile.learn drops damp from the gain of its cycles.
func TestSurgeInAlertHardlyMovesTheProfile(t *testing.T) {
	moved := func(damp bool) float64 {
		s := New(siteConfig())
		for i := range 7 * 1440 {
			s.Step(monday+int64(i)*60, Obs{Value: 100})
		}
		at := float64(monday + 7*86400 + 3600)
		before := s.profile.at(at)
		for i := 7 * 1440; i < 7*1440+120; i++ {
			s.Step(monday+int64(i)*60, Obs{Value: 3000, Damp: damp})
		}
		return s.profile.at(at) - before
	}
	free, held := moved(false), moved(true)
	if held <= 0 || held > .25*free {
		t.Errorf("profile moved by %.3f in an alert and %.3f without: want a tenth", held, free)
	}
}

func TestStepAndForecastDoNotAllocate(t *testing.T) {
	for name, c := range map[string]Config{"site": siteConfig(), "topic": topicConfig()} {
		s := New(c)
		var f Forecast
		s.Step(monday, Obs{Value: 1})
		s.Forecast(&f)
		i := 1
		n := testing.AllocsPerRun(200, func() {
			s.Step(monday+int64(i)*60, Obs{Value: float64(i % 20)})
			s.Forecast(&f)
			_ = s.Risk(3, 10)
			_ = s.MaxQuantile(5, 40, .9)
			i++
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a step, want 0", name, n)
		}
	}
}

func benchmark(b *testing.B, c Config, budget float64) {
	s := New(c)
	r := rand.New(rand.NewPCG(5, 6))
	y := make([]float64, 1440)
	for i := range y {
		y[i] = poisson(r, 40*(1+.8*math.Sin(float64(i)/1440*2*math.Pi)))
	}
	var f Forecast
	i := 0
	for ; i < 3*1440; i++ {
		s.Step(monday+int64(i)*60, Obs{Value: y[i%1440]})
	}
	s.Forecast(&f)
	b.ReportAllocs()
	for b.Loop() {
		s.Step(monday+int64(i)*60, Obs{Value: y[i%1440]})
		s.Forecast(&f)
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "µs/step")
	b.ReportMetric(budget, "µs-budget")
}

func BenchmarkStepSite(b *testing.B)  { benchmark(b, siteConfig(), 150) }
func BenchmarkStepTopic(b *testing.B) { benchmark(b, topicConfig(), 15) }
