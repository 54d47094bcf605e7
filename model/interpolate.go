package model

import "math"

// Interpolate fills dst with the quantiles at any lead from those on the grid: linear in log lead,
// relative to the usual course of the profile,
//
//	log((1+q(k))/(1+S(k))) linear in log k between two leads,
//
// so that a known rise between two leads (the morning) is not smoothed away. leads, profileStep and lead
// are in steps; profile[k] is the usual value k·profileStep ahead; without a profile the course is flat.
// Before the first lead and after the last the nearest lead's ratio holds. Every chart, route and score
// uses this one function.
func Interpolate(dst []float64, leads []int, q [][]float64, profile []float64, profileStep float64, lead float64) {
	i := 0
	for i < len(leads) && float64(leads[i]) < lead {
		i++
	}
	here := math.Log1p(usual(profile, profileStep, lead))
	switch {
	case i == len(leads):
		shift(dst, q[i-1], here-math.Log1p(usual(profile, profileStep, float64(leads[i-1]))))
		return
	case float64(leads[i]) == lead:
		copy(dst, q[i])
		return
	case i == 0:
		shift(dst, q[0], here-math.Log1p(usual(profile, profileStep, float64(leads[0]))))
		return
	}
	a, b := float64(leads[i-1]), float64(leads[i])
	f := math.Log(lead/a) / math.Log(b/a)
	sa := here - math.Log1p(usual(profile, profileStep, a))
	sb := here - math.Log1p(usual(profile, profileStep, b))
	for k := range dst {
		za := math.Log1p(max(q[i-1][k], 0)) + sa
		zb := math.Log1p(max(q[i][k], 0)) + sb
		dst[k] = max(math.Expm1(za+f*(zb-za)), 0)
	}
}

func shift(dst, q []float64, by float64) {
	for k := range dst {
		dst[k] = max(math.Expm1(math.Log1p(max(q[k], 0))+by), 0)
	}
}

func usual(profile []float64, step, lead float64) float64 {
	if len(profile) == 0 || step <= 0 {
		return 0
	}
	x := max(lead/step, 0)
	i := int(x)
	if i >= len(profile)-1 {
		return max(profile[len(profile)-1], 0)
	}
	return max(profile[i]+(x-float64(i))*(profile[i+1]-profile[i]), 0)
}
