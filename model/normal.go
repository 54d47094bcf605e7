package model

import "math"

// normalQuantile is Φ⁻¹(p).
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// normalSurvival is 1 − Φ(x), from the complement so that tails keep their digits.
func normalSurvival(x float64) float64 { return .5 * math.Erfc(x/math.Sqrt2) }

// logitSurvival is log((1−Φ(x))/Φ(x)) by Page (1977), cheap enough for a curve: the probability is right to .00014, its log
// odds to .02 for |x| < 2.48. Further out it is too small: by .09 at 3, .17 at log odds of 7.6, where its reader cuts it
// off, and .55 at 4.
func logitSurvival(x float64) float64 { return -(1.5976*x + .070565992*x*x*x) }

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func logit(p float64) float64 {
	p = min(max(p, 1e-9), 1-1e-9)
	return math.Log(p / (1 - p))
}
