package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// expertLoss runs the mixture over experts that forecast the median of N(0,1) with constant errors, and
// returns the summed absolute loss of the mixture and of the best expert from step `from` on.
func expertLoss(t *testing.T, steps, from int, forecast func(step, j int) float64) (mixed, best float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(21, 22))
	m := newMixture(numExperts)
	own := make([]float64, numExperts)
	for k := range steps {
		y := r.NormFloat64()
		q := 0.
		for j, w := range m.w {
			q += w * forecast(k, j)
		}
		grad := -.5
		if y < q {
			grad = .5
		}
		loss := make([]float64, numExperts)
		for j := range loss {
			f := forecast(k, j)
			loss[j] = grad * (f - q)
			if k >= from {
				own[j] += math.Abs(y - f)
			}
		}
		if k >= from {
			mixed += math.Abs(y - q)
		}
		m.learn(loss, 1-1./6000)
	}
	best = math.Inf(1)
	for _, v := range own {
		best = min(best, v)
	}
	return mixed, best
}

// One good expert among all: over 2,000 steps the mixture loses less than 2 % more than it. The others
// err on the same side, so that no mean of them is good.
//
// Fails when learn adds −r to L.
func TestMixtureFindsTheGoodExpert(t *testing.T) {
	mixed, best := expertLoss(t, 2300, 300, func(_, j int) float64 {
		if j == 3 {
			return 0
		}
		return 1.5 + .2*float64(j)
	})
	if mixed > 1.02*best {
		t.Errorf("loss %.1f against %.1f of the good expert: %.1f %% more", mixed, best, 100*(mixed/best-1))
	}
}

// Two experts take turns every 500 steps; the mixture must not be worse than the better constant one, and
// fixed share must let the one that was down come back.
func TestMixtureFollowsAChange(t *testing.T) {
	mixed, best := expertLoss(t, 4000, 300, func(k, j int) float64 {
		good := 2
		if k/500%2 == 1 {
			good = 5
		}
		if j == good {
			return 0
		}
		return 1.5
	})
	if mixed > best {
		t.Errorf("loss %.1f against %.1f of the better constant expert", mixed, best)
	}
}

// A hundred steps behind it, an expert that lost ten times as much as the rest counts a third of what it would among equals.
//
// Fails when: votes pull to equal ones by their mean.
func TestWhoIsPlainlyWrongCountsLittle(t *testing.T) {
	m := newMixture(4)
	for range 100 {
		m.learn([]float64{-.1, -.1, -.1, 1}, 1)
	}
	v := make([]float64, 4)
	if m.votes(v, nil, 400); v[3] > .09 {
		t.Errorf("the votes are %.3f", v)
	}
}

// An expert that sleeps has no vote, the others share its; and with no step behind it the mixture is even.
//
// Fails when: votes leaves awake out.
func TestWhoSleepsHasNoVote(t *testing.T) {
	m := newMixture(4)
	m.learn([]float64{-1, 0, 0, 1}, 1)
	v := make([]float64, 4)
	for _, n := range []int{0, 10, 10_000} {
		m.votes(v, []float64{1, 0, .5, 1}, n)
		if sum := v[0] + v[1] + v[2] + v[3]; math.Abs(sum-1) > 1e-12 || v[1] != 0 {
			t.Errorf("after %d steps the votes are %.3f", n, v)
		}
		if n == 0 && (math.Abs(v[0]-.4) > 1e-12 || math.Abs(v[2]-.2) > 1e-12) {
			t.Errorf("the first votes are %.3f", v)
		}
		if n > 0 && v[0] <= v[3] {
			t.Errorf("after %d steps the better expert counts %.3f, the worse %.3f", n, v[0], v[3])
		}
	}
	if m.votes(v, nil, 0); v[1] != .25 {
		t.Errorf("all awake: %.3f", v)
	}
}
