package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

func phi(x float64) float64 { return 1 - normalSurvival(x) }

// Values are independent, z = 8 + .1 ε, so P(max of 12 > c) = 1 − Φ(c)^12 in closed form. And a Gaussian
// AR(1) (φ = .8) against the share in 20,000 draws of its future from the same state. Risk must be near
// both, averaged over many origins: a pointwise probability (1 − Φ(c)) would be eight times too small.
//
// Fails when lookAhead or the curve takes the pointwise share, e.g. judge files the score of the last
// value instead of the largest.
func TestRiskOfTheMaximum(t *testing.T) {
	const h, sd = 12, .1
	r := rand.New(rand.NewPCG(41, 42))
	for name, ar := range map[string]float64{"independent": 0, "AR(1)": .8} {
		leads := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
		s := New(Config{StepSeconds: 300, Leads: leads, Levels: siteLevels, Horizons: []int{h}, Full: true})
		v, in := 0., math.Sqrt(1-ar*ar)
		level := func(u float64) float64 { return math.Expm1(8 + sd*u) }
		cs := []float64{1, 1.5, 2, 2.5}
		said, truth, count := make([]float64, len(cs)), make([]float64, len(cs)), 0.
		for k := range 9000 {
			v = ar*v + in*r.NormFloat64()
			s.Step(monday+int64(k)*300, Obs{Value: level(v)})
			if k < 4000 || k%40 != 0 {
				continue
			}
			count++
			for i, c := range cs {
				said[i] += s.Risk(0, level(c))
				if ar == 0 {
					truth[i] += 1 - math.Pow(phi(c), h)
					continue
				}
				hits := 0.
				const draws = 160
				for range draws {
					w := v
					for range h {
						if w = ar*w + in*r.NormFloat64(); w > c {
							hits++
							break
						}
					}
				}
				truth[i] += hits / draws
			}
		}
		for i, c := range cs {
			a, b := said[i]/count, truth[i]/count
			if math.Abs(a-b) > .06 {
				t.Errorf("%s: P(max of %d > %.1f sd) said %.3f, truth %.3f", name, h, c, a, b)
			}
		}
	}
}

// Risk and MaxQuantile are inverses of each other on windows 1..h, for every horizon and level.
func TestMaxQuantileInvertsRisk(t *testing.T) {
	s := New(siteConfig())
	r := rand.New(rand.NewPCG(51, 52))
	var f Forecast
	for k := range 4000 {
		s.Step(monday+int64(k)*60, Obs{Value: poisson(r, 200*(1+.5*math.Sin(float64(k)/1440*2*math.Pi)))})
	}
	s.Forecast(&f)
	for i, h := range siteHorizons {
		for k, p := range siteLevels {
			q := s.MaxQuantile(1, h, p)
			if math.Abs(q-f.MaxQ[i][k]) > 1e-6*(1+q) {
				t.Errorf("window 1..%d level %v: MaxQuantile %v, Forecast %v", h, p, q, f.MaxQ[i][k])
			}
			if got := s.Risk(i, q); math.Abs(got-(1-p)) > 1e-6 {
				t.Errorf("window 1..%d: Risk(%.6g) = %.6f, want %.6f", h, q, got, 1-p)
			}
		}
	}
	// A later window asks for no more than the whole, and for no less than its own pointwise quantile.
	for _, p := range []float64{.5, .9, .99} {
		if part, all := s.MaxQuantile(9, 60, p), s.MaxQuantile(1, 60, p); part > all || part <= 0 {
			t.Errorf("level %v: window 9..60 asks %v, window 1..60 %v", p, part, all)
		}
	}
}

// Newsvendor: for exponential demand with rate λ the quantile at α is −ln(1−α)/λ; the tracked quantiles
// of the maximum of one step (h = 1) find it.
func TestNewsvendorQuantileOfExponentialDemand(t *testing.T) {
	s := New(Config{StepSeconds: 300, Leads: []int{1}, Levels: siteLevels, Horizons: []int{1}, Full: true})
	r := rand.New(rand.NewPCG(61, 62))
	const mean = 1000.
	got := map[float64]float64{}
	n := 0.
	for k := range 12_000 {
		s.Step(monday+int64(k)*300, Obs{Value: mean * r.ExpFloat64()})
		if k > 6000 && k%50 == 0 {
			for _, a := range []float64{.5, .9, .95} {
				got[a] += s.MaxQuantile(1, 1, a)
			}
			n++
		}
	}
	for a, sum := range got {
		want := -math.Log(1-a) * mean
		if v := sum / n; math.Abs(v/want-1) > .1 {
			t.Errorf("α = %v: %.0f, want −ln(1−α)/λ = %.0f", a, v, want)
		}
	}
}
