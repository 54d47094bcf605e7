package model

import "math"

// normalQuantile is Φ⁻¹(p).
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// normalSurvival is 1 − Φ(x), from the complement so that tails keep their digits.
func normalSurvival(x float64) float64 { return .5 * math.Erfc(x/math.Sqrt2) }

// logitSurvival is log((1−Φ(x))/Φ(x)), within 0.02 for |x| < 4 (Page 1977): cheap enough for a curve.
func logitSurvival(x float64) float64 { return -(1.5976*x + .070565992*x*x*x) }

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func logit(p float64) float64 {
	p = min(max(p, 1e-9), 1-1e-9)
	return math.Log(p / (1 - p))
}
