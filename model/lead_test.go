package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Talk that is born with a peak and fades as attention does, 300 (1 + t/5)^-1.1 a minute (Poisson): an hour after the
// peak the 95 % quantile half an hour ahead is at most eight times what comes, and most of what comes lies below it.
// It was a hundred times: the error all experts made on one side was taken for spread.
//
// Fails when: scaleYoung is 0.
func TestAPeakThatFadesIsNotFearedForHours(t *testing.T) {
	s := New(siteConfig())
	lead := 0
	for i := range s.leads {
		if s.leads[i].h <= 30 {
			lead = i
		}
	}
	rate := func(i int) float64 { return 300 * math.Pow(1+float64(i)/5, -1.1) }
	high := len(s.levels) - 1
	for s.levels[high] > .9501 {
		high--
	}
	rng := rand.New(rand.NewPCG(3, 4))
	widest, covered, n := 0., 0, 0
	for i := range 180 {
		s.Step(int64(monday)+int64(i)*60, Obs{Value: poisson(rng, rate(i))})
		if i < 60 {
			continue
		}
		q := math.Expm1(s.leads[lead].q[high])
		ahead := rate(i + s.leads[lead].h)
		widest = max(widest, q/ahead)
		n++
		if q > ahead {
			covered++
		}
	}
	t.Logf("widest %.1f, %d of %d", widest, covered, n)
	if widest > 8 {
		t.Errorf("the 95 %% quantile is up to %.0f times what comes", widest)
	}
	if covered < n*8/10 {
		t.Errorf("only %d of %d quantiles lie above what comes", covered, n)
	}
}
