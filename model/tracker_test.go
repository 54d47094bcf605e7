package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// studentT3 draws from Student's t with 3 degrees of freedom: a normal over the root of a mean square.
func studentT3(r *rand.Rand) float64 {
	a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
	return r.NormFloat64() / math.Sqrt((a*a+b*b+c*c)/3)
}

// 20,000 independent t(3) errors: the share below each quantile is its level within 0.01; after the
// scale doubles, the 90 % interval covers 0.90 ± 0.03 again in less than 500 steps. (The trackers of a
// Series run in units of the scale, which takes up most of such a change: so here too.)
//
// Fails when learn steps by p below the quantile and 1−p above, swapped.
func TestTrackerCoversWhatItSays(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	levels := []float64{.05, .1, .25, .5, .75, .9, .95, .99}
	var normal []float64
	for _, p := range levels {
		normal = append(normal, normalQuantile(p))
	}
	tr := newTracker(normal, 1.2, 0)
	below := make([]float64, len(levels))
	const n = 20_000
	for range n {
		u := studentT3(r)
		for i := range levels {
			if u < tr.at(i, 1) {
				below[i]++
			}
		}
		tr.learn(u, 1, levels, trackerGain, false)
	}
	for i, p := range levels {
		if got := below[i] / n; math.Abs(got-p) > .01 {
			t.Errorf("%.3f of the errors below the %.2f quantile", got, p)
		}
	}

	sc := newScale(false)
	sc.slow, sc.n = .9, 5000
	inside := 0.
	for k := range 1000 {
		e := 2 * studentT3(r)
		sigma := sc.slow
		if k >= 500 && e >= tr.at(0, sigma) && e < tr.at(6, sigma) {
			inside++
		}
		sc.learn(e, nil, 1, 1, false)
		tr.learn(e, sigma, levels, trackerGain, false)
	}
	if got := inside / 500; math.Abs(got-.9) > .03 {
		t.Errorf("500 steps after the scale doubled 90 %% intervals cover %.3f", got)
	}
}

// A lower bound below a quantile says nothing of it: levels above u stay, levels below still climb.
func TestTrackerLearnsUpwardsFromABound(t *testing.T) {
	levels := []float64{.1, .5, .9}
	tr := tracker{q: []float64{-1, 0, 1}}
	tr.learn(.5, 1, levels, trackerGain, true)
	// γ = max(.005, 1/(0/4+10)) = .1, so a level below climbs by 2·.1·p: -1 + .02, 0 + .1
	if want := []float64{-.98, .1, 1}; math.Abs(tr.q[0]-want[0]) > 1e-12 || math.Abs(tr.q[1]-want[1]) > 1e-12 || tr.q[2] != want[2] {
		t.Errorf("quantiles %v, want %v", tr.q, want)
	}
}
