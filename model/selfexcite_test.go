package model_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"surgecast/model"
)

// Talk that answers itself: every mention brings n others on average, by SEISMIC's kernel (Zhao et al., KDD 2015,
// θ = .242, flat up to five minutes, here cut off at a week). It is drawn as clusters (Hawkes & Oakes 1974), mention by
// mention in continuous time, and so shares nothing with the recursion over minutes that looks for n again.
type answeredTalk struct {
	rng  *rand.Rand
	n    float64
	lag  func(*rand.Rand) float64 // minutes
	rate func(minute int) float64 // mentions a minute that answer nothing
}

// seismic draws a lag of the kernel: flat up to five minutes, falling as t^−(1+θ) beyond.
func seismic(r *rand.Rand) float64 {
	const begin, theta = 5., .242
	const flat = theta / (1 + theta) // mass up to begin
	for {
		u := r.Float64()
		if u < flat {
			return u / flat * begin
		}
		if t := begin * math.Pow((1-u)/(1-flat), -1/theta); t < 7*1440 {
			return t
		}
	}
}

const weeksBefore = 3 * 7 * 1440 // minutes of talk that is still answered when counting begins

// counts begins amid talk that has always been: what was said before is at its mean.
func (a *answeredTalk) counts(minutes int) []float64 {
	x := make([]float64, minutes)
	var open []float64
	for m := -weeksBefore; m < minutes; m++ {
		rate := a.rate(m)
		if m < 0 {
			rate /= 1 - a.n
		}
		for range poisson(a.rng, rate) {
			open = append(open, float64(m)+a.rng.Float64())
		}
	}
	for len(open) > 0 {
		t := open[len(open)-1]
		open = open[:len(open)-1]
		if t >= 0 {
			x[int(t)]++
		}
		for range poisson(a.rng, a.n) {
			if u := t + a.lag(a.rng); u >= 0 && u < float64(minutes) {
				open = append(open, u)
			}
		}
	}
	return x
}

// poisson counts what happens within a unit of time where exponential times lie between.
func poisson(r *rand.Rand, mean float64) (n int) {
	for left := mean - r.ExpFloat64(); left > 0; left -= r.ExpFloat64() {
		n++
	}
	return n
}

// answers are the kernels of MODEL 6.2: a power law with θ = .242 as six exponentials.
var answers = struct{ tau, share [6]float64 }{
	tau:   [6]float64{5, 15, 60, 240, 1440, 7200},
	share: [6]float64{.203, .285, .165, .163, .101, .091},
}

// branching looks for n in counts by Poisson quasi-likelihood (an INGARCH model: Ferland, Latour & Oraichi 2006), the
// course P of what answers nothing known but for its height:
//
//	λ_t = c P_t + n Σ_k w_k E_k,   E_k ← a_k E_k + (1 − a_k) x,   a_k = e^(−1/τ_k)
//
// and says how sure it is of it, as the inverse of its information has it. The first week only fills E.
func branching(x []float64, course func(minute int) float64) (n, se float64) {
	mean := 0.
	for _, v := range x {
		mean += v / float64(len(x))
	}
	answer := make([]float64, len(x))
	var e [6]float64
	for k := range e {
		e[k] = mean
	}
	for t, v := range x {
		for k, w := range answers.share {
			answer[t] += w * e[k]
			a := math.Exp(-1 / answers.tau[k])
			e[k] = a*e[k] + (1-a)*v
		}
	}
	c := mean / 2
	n = .5
	for range 20 { // iteratively weighted least squares: Fisher's scoring
		var pp, pg, gg, py, gy float64
		for t := 7 * 1440; t < len(x); t++ {
			v, p, g := x[t], course(t), answer[t]
			w := 1 / max(c*p+n*g, .05*mean)
			pp, pg, gg, py, gy = pp+w*p*p, pg+w*p*g, gg+w*g*g, py+w*p*v, gy+w*g*v
		}
		d := pp*gg - pg*pg
		c, n, se = (gg*py-pg*gy)/d, (pp*gy-pg*py)/d, math.Sqrt(pp/d)
	}
	return n, se
}

// ofAnswers draws a lag of the six exponentials.
func ofAnswers(r *rand.Rand) float64 {
	u := r.Float64() * 1.008 // their sum
	k := 0
	for ; k < 5 && u >= answers.share[k]; k++ {
		u -= answers.share[k]
	}
	return answers.tau[k] * r.ExpFloat64()
}

// TestABranchingRatioIsNotToldFromTalk is why the product's words leave the branching ratio out (MODEL 6.8; 6.11, 4).
// Where all else is known, the kernel too, it is found within .05 on average: in talk without a course, and in talk with
// one that is given. But a day that is not given passes for answers, and so does one outside shock a day: then the
// estimate says of talk that dies by itself that it feeds itself (n > 1), and says it with a band far narrower than the
// .3 asked for.
//
// Fails when: branching leaves the course out, or comes to stand such talk and it is time to tell it.
func TestABranchingRatioIsNotToldFromTalk(t *testing.T) {
	const minutes, mean, draws = 21 * 1440, 20., 6
	flat := func(int) float64 { return 1 }
	day := func(m int) float64 { return 1 + .5*math.Sin(2*math.Pi*float64(m)/1440) }
	for _, n := range []float64{.3, .6, .9} {
		own := mean * (1 - n)
		var constant, given, left, shocked, widest float64
		for seed := range uint64(draws) {
			rng := rand.New(rand.NewPCG(seed, uint64(10*n)))
			shock := shocks(rng, minutes+weeksBefore)
			talk := func(rate func(int) float64) []float64 {
				a := answeredTalk{rng: rng, n: n, lag: ofAnswers, rate: rate}
				return a.counts(minutes)
			}
			look := func(sum *float64, x []float64, course func(int) float64) (band float64) {
				found, se := branching(x, course)
				*sum += found / draws
				return 4 * se
			}
			look(&constant, talk(func(int) float64 { return own }), flat)
			x := talk(func(m int) float64 { return own * day(m) })
			look(&given, x, day)
			widest = max(widest, look(&left, x, flat))
			widest = max(widest, look(&shocked, talk(func(m int) float64 { return own + shock[m+weeksBefore] }), flat))
		}
		t.Logf("n %.1f: %.3f; a day given %.3f, left out %.3f; a shock a day %.3f; bands of the last two up to %.2f", n, constant, given, left, shocked, widest)
		if math.Abs(constant-n) > .05 || math.Abs(given-n) > .05 {
			t.Errorf("n %.1f: found %.3f without a course, %.3f with one that is given", n, constant, given)
		}
		if left < n+.05 {
			t.Errorf("n %.1f: %.3f with the day left out", n, left)
		}
		if shocked < 1 || widest > .3 {
			t.Errorf("n %.1f: one shock a day gives %.3f, bands up to %.2f; is it time to tell it?", n, shocked, widest)
		}
	}
}

// shocks are mentions a minute from outside: one a day, up to 100 a minute, all but gone in two hours.
func shocks(r *rand.Rand, minutes int) []float64 {
	x := make([]float64, minutes)
	for d := 0; d < minutes; d += 1440 {
		at, height := d+r.IntN(1440), 100*r.Float64()
		for u := 0; u < 240 && at+u < minutes; u++ {
			x[at+u] += height * math.Exp(-float64(u)/40)
		}
	}
	return x
}

// TestTalkThatAnswersItselfIsCovered asks of the forecast what its words cannot say: with 30, 60 and 90 of 100 mentions
// brought by others, and with a shock a day from outside beside them, 80 of 100 truths lie within the 80 % interval
// and 95 below the 95 % quantile, a quarter of an hour, an hour and four hours ahead.
//
// Fails when: track returns at once, or follows nine tenths of each level.
func TestTalkThatAnswersItselfIsCovered(t *testing.T) {
	const minutes, low, high, most = 14 * 1440, 0, 2, 3 // places of .1, .9 and .95 in TopicLevels
	for _, n := range []float64{.3, .6, .9} {
		for _, shocked := range []bool{false, true} {
			rng := rand.New(rand.NewPCG(5, uint64(10*n)))
			shock := make([]float64, minutes+weeksBefore)
			if shocked {
				shock = shocks(rng, len(shock))
			}
			a := answeredTalk{rng: rng, n: n, lag: seismic, rate: func(m int) float64 { return 20*(1-n) + shock[m+weeksBefore] }}
			x := a.counts(minutes)
			topic := model.NewTopic(60)
			leads := topic.Leads(nil)[:3]
			var f model.Forecast
			var within, below [3]float64
			origins := 0.
			for m, y := range x[:minutes-leads[2]] {
				topic.Step(talkStart+int64(m)*60, model.Obs{Value: y})
				if m < 3*1440 || m%7 != 0 {
					continue
				}
				topic.Forecast(&f)
				origins++
				for i, h := range leads {
					v := x[m+h] + rng.Float64() - .5 // counts tie with their quantiles
					if v > f.Q[i][low] && v <= f.Q[i][high] {
						within[i]++
					}
					if v <= f.Q[i][most] {
						below[i]++
					}
				}
			}
			for i, h := range leads {
				in, under := within[i]/origins, below[i]/origins
				t.Logf("n %.1f, shocks %v, %d minutes ahead: %.3f in the 80 %% interval, %.3f below q.95", n, shocked, h, in, under)
				if math.Abs(in-.8) > .05 || math.Abs(under-.95) > .025 {
					t.Errorf("n %.1f, shocks %v, %d minutes ahead: %.3f in the 80 %% interval, %.3f below q.95", n, shocked, h, in, under)
				}
			}
		}
	}
}

// TestOneKernelIsAnINGARCH is MODEL 6.11, 5: with one exponential kernel the recursion of branching is an INGARCH(1, 1),
// λ_t = ω + α x_{t−1} + δ λ_{t−1} with α = n (1 − a) and δ = a, and its branching ratio α/(1−δ) is n.
func TestOneKernelIsAnINGARCH(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for _, tau := range []float64{1, 5, 60, 1440} {
		const n, mu = .6, 3.
		a := math.Exp(-1 / tau)
		alpha, delta := n*(1-a), a
		if got := alpha / (1 - delta); math.Abs(got-n) > 1e-9 {
			t.Errorf("τ %v: branching ratio %v, want %v", tau, got, n)
		}
		e, lambda := 0., mu
		for range 1000 {
			x := float64(poisson(r, 5))
			e = a*e + (1-a)*x
			lambda = mu*(1-delta) + alpha*x + delta*lambda
			if hawkes := mu + n*e; math.Abs(hawkes-lambda) > 1e-9*lambda {
				t.Fatalf("τ %v: λ %v by the kernel, %v by the INGARCH", tau, hawkes, lambda)
			}
		}
	}
}
