package model

// trend is Gardner's damped trend on the residual r (FPP3 §8.2), for ramps that outlast a few steps:
//
//	e = r − ℓ − φT        ℓ ← ℓ + φT + αe        T ← φT + βe
//	r̂_{t+h} = ℓ + (φ + φ² + … + φ^h) T
type trend struct {
	level, slope float64
	begun        float64 // 1 after the first value
}

const (
	trendPhi   = .93
	trendAlpha = .5
	trendBeta  = .06
)

func (t *trend) learn(r float64, low bool) {
	if t.begun == 0 {
		t.begun, t.level = 1, r
	}
	e := r - t.level - trendPhi*t.slope
	if low && e < 0 {
		e = 0
	}
	t.level += trendPhi*t.slope + trendAlpha*e
	t.slope = trendPhi*t.slope + trendBeta*e
}

// miss lets a step pass without a value: the trend runs on, damped.
func (t *trend) miss() {
	t.slope *= trendPhi
	t.level += t.slope
}

// trendReach is φ + φ² + … + φ^h.
func trendReach(h int) float64 {
	f, p := 0., 1.
	for range min(h, 200) {
		p *= trendPhi
		f += p
	}
	return f
}

func (t *trend) snapshot(c *codec) {
	c.num(&t.level)
	c.num(&t.slope)
	c.num(&t.begun)
}
