package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// r is AR(1) with φ = .9: h steps ahead the best forecast is φ^h r and its mean squared error
// (1−φ^2h)/(1−φ²) of the innovation's. The memories, weighed by the ridge, must come within 3 % of it at
// h = 1, 6 and 12.
//
// Fails when learn drops the error's sign, or P is not updated.
func TestMemoriesFindAnAR1(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	const n, warm, phi, sd = 30_000, 8000, .9, .2
	m := newMemory(300)
	fill := func(x []float64) []float64 {
		b := m.b()
		x = x[:0]
		for k, v := range m.s {
			if k != m.base {
				x = append(x, v-b)
			}
		}
		return append(x, 0, 0, 0, -b, .3)
	}
	leads := []int{1, 6, 12}
	var ridges []ridge
	for _, h := range leads {
		ridges = append(ridges, newRidge(priorWeights(&m, h)))
	}
	v := 0.
	past := make([]float64, n)     // r
	base := make([]float64, n)     // b
	inputs := make([][]float64, n) // x
	mse, exact := [3]float64{}, [3]float64{}
	for k := range n {
		v = phi*v + sd*r.NormFloat64()
		m.learn(v, false, 1)
		past[k], base[k], inputs[k] = v, m.b(), append([]float64(nil), fill(make([]float64, 0, maxFeatures))...)
		for i, h := range leads {
			o := k - h
			if o < 0 {
				continue
			}
			e := v - base[o] - ridges[i].predict(inputs[o])
			if k > warm {
				f := v - math.Pow(phi, float64(h))*past[o]
				mse[i] += e * e
				exact[i] += f * f
			}
			ridges[i].learn(inputs[o], e, .5, 1, 1-1./(3000+30*float64(h)))
		}
	}
	for i, h := range leads {
		if ratio := mse[i] / exact[i]; ratio > 1.03 {
			t.Errorf("lead %d: mean squared error %.3f of the exact forecast's", h, ratio)
		}
	}
}
