package capacity

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// LoadPoint is one plateau of a load test: the throughput N units reached.
type LoadPoint struct {
	Units    float64
	RPM      float64
	Variance float64 // of RPM, from repetitions; 0: not known, all points weigh alike
}

// USL is the Universal Scalability Law (Gunther 1993): the throughput of N units
//
//	X(N) = γN / (1 + σ(N−1) + κN(N−1))
//
// γ is what one unit serves alone, σ what is lost to waiting for shared things, κ to keeping them
// consistent. With κ > 0 there is a peak at N* = √((1−σ)/κ), beyond which units make it slower.
type USL struct {
	Gamma float64
	Sigma float64
	Kappa float64

	MaxTested    float64 // the largest N of the load test
	Extrapolates bool    // κ is certain enough to say what lies beyond MaxTested

	GammaInterval [2]float64 // 19 in 20, by bootstrap
	SigmaInterval [2]float64
	KappaInterval [2]float64
	PeakInterval  [2]float64 // of X(N*); meaningful when Extrapolates

	draws []USL // bootstrap refits, for intervals of X(N)
}

// Errors of a fit.
var (
	ErrFewPoints     = errors.New("a scalability fit needs at least 6 load points with 4 different numbers of units")
	ErrNoStress      = errors.New("no load point reaches 70 % of the fitted peak: test with more units or more load")
	ErrBeyondTested  = errors.New("beyond the largest tested number of units, where the fit is not certain enough to say anything")
	ErrNotThroughput = errors.New("units and throughput of a load point must be positive numbers")
)

// bootstraps is how many refits stand behind an interval: enough for its 2.5 % ends to be an order
// statistic (the 5th of 200), few enough to answer a page.
const bootstraps = 200

// FitUSL fits the law to a load test. The reciprocal form is linear,
//
//	N/X = a + bN + cN²,   a = (1−σ)/γ,  b = (σ−κ)/γ,  c = κ/γ
//	γ = 1/(a+b+c),  κ = cγ,  σ = 1 − aγ
//
// and solved by weighted least squares; weights X⁴/N² / var X undo what the reciprocal did to the noise.
// Twenty damped Gauss–Newton steps on X itself follow, with σ and κ held ≥ 0. Intervals come from refits
// to resampled relative residuals; rng decides the draws, so the same seed gives the same intervals.
//
// Where κ's interval includes 0 the fit does not know whether a peak exists: At refuses to answer beyond
// the largest tested N rather than promise capacity nobody has seen.
func FitUSL(points []LoadPoint, rng *rand.Rand) (USL, error) {
	seen := map[float64]bool{}
	for i, p := range points {
		if !(p.Units > 0) || !(p.RPM > 0) || math.IsInf(p.Units, 0) || math.IsInf(p.RPM, 0) || math.IsNaN(p.Variance) || p.Variance < 0 {
			return USL{}, fmt.Errorf("load point %d (%g units, %g requests a minute): %w", i+1, p.Units, p.RPM, ErrNotThroughput)
		}
		seen[p.Units] = true
	}
	if len(points) < 6 || len(seen) < 4 {
		return USL{}, fmt.Errorf("fitting %d load points with %d different numbers of units: %w", len(points), len(seen), ErrFewPoints)
	}
	u, _, err := fitOnce(points)
	if err != nil {
		return USL{}, err
	}
	highest := 0.0
	for _, p := range points {
		u.MaxTested = max(u.MaxTested, p.Units)
		highest = max(highest, p.RPM)
	}
	if peak := u.value(u.PeakUnits()); !math.IsInf(u.PeakUnits(), 1) && highest < .7*peak {
		return u, fmt.Errorf("highest load point %.0f requests a minute, fitted peak %.0f: %w", highest, peak, ErrNoStress)
	}
	u.bootstrap(points, rng)
	return u, nil
}

// fitOnce returns the fit with σ, κ ≥ 0, and the unconstrained κ of the linear form, which alone can say
// that the data would as well have it negative.
func fitOnce(points []LoadPoint) (USL, float64, error) {
	n := len(points)
	a, y := mat.NewDense(n, 3, nil), mat.NewVecDense(n, nil)
	for i, p := range points {
		w := p.RPM * p.RPM / p.Units // √(X⁴/N²)
		if p.Variance > 0 {
			w /= math.Sqrt(p.Variance)
		} else {
			w /= p.RPM // errors of a load test grow with what is measured: equal relative noise
		}
		a.SetRow(i, []float64{w, w * p.Units, w * p.Units * p.Units})
		y.SetVec(i, w*p.Units/p.RPM)
	}
	var theta mat.VecDense
	if err := theta.SolveVec(a, y); err != nil {
		return USL{}, 0, fmt.Errorf("solving the linear form of the scalability law: %w", err)
	}
	ca, cb, cc := theta.AtVec(0), theta.AtVec(1), theta.AtVec(2)
	gamma := 1 / (ca + cb + cc)
	free := cc * gamma
	u := USL{Gamma: gamma, Kappa: max(free, 0), Sigma: min(max(1-ca*gamma, 0), 1)}
	if !(gamma > 0) || math.IsInf(gamma, 0) {
		// Hopelessly noisy points: start from perfect scaling of the smallest test.
		first := slices.MinFunc(points, func(p, q LoadPoint) int { return int(math.Copysign(1, p.Units-q.Units)) })
		u = USL{Gamma: first.RPM / first.Units, Sigma: .01}
		free = 0
	}
	return u.refine(points), free, nil
}

// refine takes up to 20 Levenberg-damped Gauss–Newton steps on X in (ln γ, σ, κ), projected to σ, κ ≥ 0.
// A step that does not lower the weighted squares is not taken, so an exact start stays exact.
func (u USL) refine(points []LoadPoint) USL {
	loss := u.loss(points)
	damping := 1e-6
	for range 20 {
		var jtj [3][3]float64
		var jtr [3]float64
		for _, p := range points {
			n := p.Units
			d := 1 + u.Sigma*(n-1) + u.Kappa*n*(n-1)
			x := u.Gamma * n / d
			w := weight(p)
			j := [3]float64{x * w, -x / d * (n - 1) * w, -x / d * n * (n - 1) * w}
			r := (p.RPM - x) * w
			for a := range 3 {
				jtr[a] += j[a] * r
				for b := range 3 {
					jtj[a][b] += j[a] * j[b]
				}
			}
		}
		m := mat.NewDense(3, 3, nil)
		for a := range 3 {
			for b := range 3 {
				m.Set(a, b, jtj[a][b])
			}
			m.Set(a, a, jtj[a][a]*(1+damping)+1e-300)
		}
		var step mat.VecDense
		if err := step.SolveVec(m, mat.NewVecDense(3, jtr[:])); err != nil {
			damping = max(damping*10, 1e-3)
			continue
		}
		next := u
		next.Gamma *= math.Exp(clip(step.AtVec(0), -1, 1))
		next.Sigma = min(max(u.Sigma+step.AtVec(1), 0), 1)
		next.Kappa = max(u.Kappa+step.AtVec(2), 0)
		if l := next.loss(points); l < loss {
			done := loss-l <= 1e-12*loss
			u, loss = next, l
			if done {
				break
			}
			damping /= 10
		} else {
			damping = max(damping*10, 1e-6)
		}
	}
	return u
}

func (u USL) loss(points []LoadPoint) float64 {
	s := 0.0
	for _, p := range points {
		r := (p.RPM - u.value(p.Units)) * weight(p)
		s += r * r
	}
	return s
}

// weight is one over the standard deviation of a point's throughput; without a variance the noise is
// taken to be relative.
func weight(p LoadPoint) float64 {
	if p.Variance > 0 {
		return 1 / math.Sqrt(p.Variance)
	}
	return 1 / p.RPM
}

func (u USL) value(n float64) float64 {
	if math.IsInf(n, 1) {
		if u.Sigma > 0 {
			return u.Gamma / u.Sigma // κ = 0: Amdahl's ceiling
		}
		return math.Inf(1)
	}
	return u.Gamma * n / (1 + u.Sigma*(n-1) + u.Kappa*n*(n-1))
}

// PeakUnits is N* = √((1−σ)/κ), +Inf when κ is 0.
func (u USL) PeakUnits() float64 {
	if !(u.Kappa > 0) {
		return math.Inf(1)
	}
	return math.Sqrt(max(1-u.Sigma, 0) / u.Kappa)
}

// At is the throughput of n units, requests a minute, with the interval 19 of 20 refits lie in.
func (u USL) At(n float64) (rpm float64, interval [2]float64, err error) {
	if !(n > 0) {
		return 0, interval, nil
	}
	if n > u.MaxTested && !u.Extrapolates {
		return math.NaN(), [2]float64{math.NaN(), math.NaN()}, fmt.Errorf("throughput of %g units, tested up to %g: %w", n, u.MaxTested, ErrBeyondTested)
	}
	rpm = u.value(n)
	return rpm, u.interval(rpm, func(d USL) float64 { return d.value(n) }), nil
}

func (u *USL) bootstrap(points []LoadPoint, rng *rand.Rand) {
	// Residuals are relative, and those of a fit with 3 parameters are too small by √((n−3)/n).
	inflate := math.Sqrt(float64(len(points)) / float64(max(len(points)-3, 1)))
	rel := make([]float64, len(points))
	for i, p := range points {
		rel[i] = (p.RPM/u.value(p.Units) - 1) * inflate
	}
	again := make([]LoadPoint, len(points))
	var gammas, sigmas, kappas, peaks []float64
	for range bootstraps {
		for i, p := range points {
			p.RPM = max(u.value(p.Units)*(1+rel[rng.IntN(len(rel))]), p.RPM*1e-3)
			again[i] = p
		}
		d, free, err := fitOnce(again)
		if err != nil {
			continue
		}
		d.MaxTested = u.MaxTested
		u.draws = append(u.draws, d)
		gammas, sigmas, kappas = append(gammas, d.Gamma), append(sigmas, d.Sigma), append(kappas, free)
		peaks = append(peaks, d.value(d.PeakUnits()))
	}
	u.GammaInterval = central(gammas)
	u.SigmaInterval = central(sigmas)
	u.KappaInterval = central(kappas)
	u.PeakInterval = central(peaks)
	// 1e-9: exact data leaves rounding noise around its own κ, and a κ that small puts the peak at
	// more units than anyone has.
	u.Extrapolates = u.KappaInterval[0] > 1e-9
}

func (u USL) interval(at float64, of func(USL) float64) [2]float64 {
	if len(u.draws) == 0 {
		return [2]float64{at, at}
	}
	xs := make([]float64, len(u.draws))
	for i, d := range u.draws {
		xs[i] = of(d)
	}
	return central(xs)
}

// central is the interval that leaves 2.5 % of the draws on each side.
func central(xs []float64) [2]float64 {
	if len(xs) == 0 {
		return [2]float64{math.NaN(), math.NaN()}
	}
	slices.Sort(xs)
	at := func(p float64) float64 {
		return xs[min(max(int(math.Round(p*float64(len(xs)-1))), 0), len(xs)-1)]
	}
	return [2]float64{at(.025), at(.975)}
}
