package model

import "math"

// Forecast is what a Series says at its last step. Reuse one: filling it then allocates nothing.
type Forecast struct {
	Q            [][]float64 // [lead][level], value of the step that far ahead
	MaxQ         [][]float64 // [horizon][level], highest Z over 1..h
	Profile      []float64   // usual value at the last step + k·ProfileSteps, k = 0, 1, …
	ProfileSteps int         // spacing of Profile in steps
}

// profilePoints is how finely the usual course up to the longest lead is told.
const profilePoints = 48

// eventPoints is how finely at most when something is planned within it.
const eventPoints = 288

// Forecast fills f from the last step.
func (s *Series) Forecast(f *Forecast) {
	f.Q = fit(f.Q, len(s.leads), len(s.levels))
	for i := range s.leads {
		for k, z := range s.leads[i].q {
			f.Q[i][k] = count(z)
		}
	}
	f.MaxQ = fit(f.MaxQ, len(s.horizons), len(s.levels))
	s.curves()
	for i := range s.horizons {
		for k := range s.levels {
			v := count(max(s.horizons[i].quantile(s.tailLogit[k]), 0))
			if k > 0 {
				v = max(v, f.MaxQ[i][k-1])
			}
			if i > 0 { // the maximum over a longer window is no smaller
				v = max(v, f.MaxQ[i-1][k])
			}
			f.MaxQ[i][k] = v
		}
	}
	longest := s.leads[len(s.leads)-1].h
	points := profilePoints
	if len(s.events.peaks) > 0 { // a push lasts minutes: told as finely as it is known
		points = min(max(points, int(float64(longest)*s.events.step/s.events.spacing)), eventPoints)
	}
	f.ProfileSteps = max(1, (longest+points-1)/points)
	n := longest/f.ProfileSteps + 2
	if cap(f.Profile) < n {
		f.Profile = make([]float64, n)
	}
	f.Profile = f.Profile[:n]
	for k := range f.Profile {
		at := s.unix + int64(k*f.ProfileSteps)*int64(s.c.StepSeconds)
		z := s.usual(at) + s.profile.level
		f.Profile[k] = count(min(max(z, 0), s.ceiling))
	}
}

// count is the value whose z is given: e^z − 1, at least 0.
func count(z float64) float64 { return max(math.Exp(z)-1, 0) }

func fit(m [][]float64, rows, columns int) [][]float64 {
	if len(m) == rows && (rows == 0 || len(m[0]) == columns) {
		return m
	}
	all := make([]float64, rows*columns)
	m = make([][]float64, rows)
	for i := range m {
		m[i] = all[i*columns : (i+1)*columns : (i+1)*columns]
	}
	return m
}
