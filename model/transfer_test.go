package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"surgecast/model"
)

// A small world with known conversions. It shares no code with the model and none of its shapes: lags
// are Weibull and power laws in whole minutes (the model's kernels are gammas), counts are negative
// binomial, the day is a sine in visits (the model's is piecewise linear in logs), talk bursts rise as a
// logistic curve and fall as a power law.
type talkWorld struct {
	rng    *rand.Rand
	visits []float64
	talk   [2][]float64
}

type talkClass struct {
	conversion, later float64 // visits a mention; from the middle on (0: the same)
	usual             float64 // mentions a minute
	lag               []float64
	bursts            float64 // a day
}

// weibullLag has mean scale·Γ(1+1/shape); with shape .6 and scale 35 minutes that is 53 minutes.
func weibullLag(shape, scale float64) []float64 {
	return massOf(360, func(l float64) float64 { return math.Exp(-math.Pow(l/scale, shape)) })
}

// powerLag falls as (1+l/origin)^−exponent beyond l.
func powerLag(origin, exponent float64, longest int) []float64 {
	return massOf(longest, func(l float64) float64 { return math.Pow(1+l/origin, -exponent) })
}

func massOf(longest int, beyond func(lag float64) float64) []float64 {
	k := make([]float64, longest+1)
	for l := 1; l <= longest; l++ {
		k[l] = (beyond(float64(l-1)) - beyond(float64(l))) / (beyond(0) - beyond(float64(longest)))
	}
	return k
}

// count is negative binomial: a Poisson count whose rate is gamma (Marsaglia & Tsang 2000).
func count(r *rand.Rand, mean, size float64) float64 {
	if mean <= 0 {
		return 0
	}
	d := size - 1./3 // of at least 1
	var g float64
	for {
		x := r.NormFloat64()
		v := math.Pow(1+x/math.Sqrt(9*d), 3)
		if v > 0 && math.Log(1-r.Float64()) < .5*x*x+d-d*v+d*math.Log(v) {
			g = d * v
			break
		}
	}
	rate := mean * g / size
	if rate > 60 {
		return math.Round(max(0, rate+math.Sqrt(rate)*r.NormFloat64()))
	}
	k, p := 0., math.Exp(-rate)
	for u, c := r.Float64(), p; u > c && k < 400; c += p {
		k++
		p *= rate / k
	}
	return k
}

// bursts is what a class says above its usual, in units of it.
func bursts(r *rand.Rand, minutes int, perDay float64) []float64 {
	b := make([]float64, minutes)
	for m := range b {
		if r.Float64() >= perDay/1440 {
			continue
		}
		height, rise := 5+15*r.Float64(), 2+6*r.Float64()
		for u := 0; u < 600 && m+u < minutes; u++ {
			x := float64(u)
			b[m+u] += height / (1 + math.Exp(-(x-3*rise)/rise)) * math.Pow(1+x/40, -2)
		}
	}
	return b
}

func newTalkWorld(seed uint64, days int, base float64, classes [2]talkClass) *talkWorld {
	w := &talkWorld{rng: rand.New(rand.NewPCG(seed, 7))}
	n := days * 1440
	brought := make([]float64, n)
	for s, c := range classes {
		up := bursts(w.rng, n, c.bursts)
		w.talk[s] = make([]float64, n)
		for m := range n {
			day := 1 + .5*math.Sin(2*math.Pi*(float64(m)-500)/1440)
			w.talk[s][m] = count(w.rng, c.usual*(day+up[m]), 6)
			conversion := c.conversion
			if c.later > 0 && m >= n/2 {
				conversion = c.later
			}
			for l := 1; l < len(c.lag) && m+l < n; l++ {
				brought[m+l] += conversion * w.talk[s][m] * c.lag[l]
			}
		}
	}
	slow := 0.
	for m := range n {
		slow += -slow/200 + .005*w.rng.NormFloat64() // visits stray from their course for hours: sd .05
		day := 1 + .4*math.Sin(2*math.Pi*(float64(m)-600)/1440)
		w.visits = append(w.visits, count(w.rng, base*day*math.Exp(slow)+brought[m], 60))
	}
	return w
}

// light is a site's model with nothing but what learns conversions.
func light(drivers []model.Driver) *model.Driven {
	return model.NewDriven(model.Config{
		StepSeconds: 60, Location: time.UTC, Leads: []int{15}, Levels: []float64{.1, .5, .9}, Sustain: 1,
	}, drivers)
}

const talkStart = 1_700_006_400 // midnight, UTC

func meanSD(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean) / float64(len(x)-1)
	}
	return mean, math.Sqrt(sd)
}

// Two classes, 14 days of minutes, 20 replicates; truth 3.4 visits a mention (Weibull lags, mean 53
// minutes) and .9 (power law, mean about 30): the figures of MODEL 0.7. Priors 2 and 1.5, so off by a factor 1.7
// down and up, with the mixes of posts and of news. Talk is lively, 10 and 12 mentions a minute beside 200
// visits and four bursts a day each: with a third of it the priors still show (3.9 and 1.1). Fails when the
// filter's base leaves out the course of the day.
func TestConversionsAreRecovered(t *testing.T) {
	classes := [2]talkClass{
		{conversion: 3.4, usual: 10, lag: weibullLag(.6, 35), bursts: 4},
		{conversion: .9, usual: 12, lag: powerLag(20, 1.5, 360), bursts: 4},
	}
	drivers := []model.Driver{
		{Kappa: 2, Mix: [4]float64{.35, .35, .25, .05}},
		{Kappa: 1.5, Mix: [4]float64{.30, .35, .25, .10}},
	}
	var got [2][]float64
	for r := range 20 {
		w := newTalkWorld(uint64(r+1), 14, 200, classes)
		d := light(drivers)
		for m, y := range w.visits {
			d.Step(talkStart+int64(m)*60, model.Obs{Value: y}, []float64{w.talk[0][m], w.talk[1][m]})
		}
		for s, c := range d.Shares(nil) {
			got[s] = append(got[s], c.Conversion)
		}
	}
	for s, c := range classes {
		mean, sd := meanSD(got[s])
		t.Logf("class %d: %.2f ± %.2f visits a mention (truth %.1f)", s, mean, sd, c.conversion)
		if math.Abs(mean/c.conversion-1) > .1 {
			t.Errorf("class %d: mean %.2f is more than 10 %% off %.1f", s, mean, c.conversion)
		}
		if sd > .2*c.conversion {
			t.Errorf("class %d: sd %.2f is more than 20 %% of %.1f", s, sd, c.conversion)
		}
	}
}

// The first class brings twice as many visits from the middle of eight days on. Noticed is when its
// estimate stands half-way; it takes a burst to notice, and there are eight a day. Fails when the gain moves
// at half its variance.
func TestADoubledConversionIsNoticed(t *testing.T) {
	classes := [2]talkClass{
		{conversion: 3.4, later: 6.8, usual: 10, lag: weibullLag(.6, 35), bursts: 8},
		{conversion: .9, usual: 12, lag: powerLag(20, 1.5, 360), bursts: 4},
	}
	drivers := []model.Driver{
		{Kappa: 2, Mix: [4]float64{.35, .35, .25, .05}},
		{Kappa: 1, Mix: [4]float64{.30, .35, .25, .10}},
	}
	var hours []float64
	for r := range 20 {
		w := newTalkWorld(uint64(r+101), 8, 200, classes)
		d := light(drivers)
		at := math.NaN()
		half := len(w.visits) / 2
		var before float64
		var shares []model.Share
		for m, y := range w.visits {
			d.Step(talkStart+int64(m)*60, model.Obs{Value: y}, []float64{w.talk[0][m], w.talk[1][m]})
			shares = d.Shares(shares)
			if m == half {
				before = shares[0].Conversion
			}
			if m > half && math.IsNaN(at) && shares[0].Conversion > 1.5*before {
				at = float64(m-half) / 60
			}
		}
		if math.IsNaN(at) {
			at = math.Inf(1)
		}
		hours = append(hours, at)
	}
	slices.Sort(hours)
	t.Logf("hours: %.1f", hours)
	if median := (hours[9] + hours[10]) / 2; median > 4 {
		t.Errorf("median %.1f hours until a doubled conversion is noticed, want at most 4", median)
	}
}
