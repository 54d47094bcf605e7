package model

import "math"

// transfer learns how many visits mentions bring, and when. For classes s of sources and kernels j of
// unit mass with time constants τ_j,
//
//	F_sj ← a_j F_sj + (1 − a_j) d_s        d_s: mentions of a minute above what is usual then
//	E_sj ← a_j E_sj + (1 − a_j) F_sj       a_j = e^(−2/τ_j): a gamma kernel of order 2, mean lag τ_j
//	c_s  = Σ_j β_sj E_sj                    visits a minute they bring, by what was learnt slowly
//	μ    = B + Σ_s g_s c_s                  B: usual visits; g_s: a fast gain that reverts to 1
//	H x  = x − (mean of x over 90 minutes)  high pass, the same on both sides
//
// (interval-censored regression on promotion, as in the Hawkes intensity process: Rizoiu et al., WWW
// 2017; here with a few fixed kernels, because only their total is well identified: MODEL 0.7. Order 2,
// because a post must be seen before it is followed.)
//
// β is a random walk followed by a Kalman filter with e = H(y − μ), x = g_s H(E_sj):
//
//	w = min(1, 4/|z|)      z = e/√V,  V = inflation · (μ + φ μ²) + (ν G)²,  G = Σ g c
//	K = C x / (x'Cx + V/w)   β += K e   C −= K x'C   β ≥ 0
//
// and each gain by a scalar filter of the same kind around 1, half-life 1.4 days. The deviation d, not
// the count itself, is the regressor: talk follows the clock as visits do, and what both do every day is
// not one causing the other. Mentions of a minute count from the next one on.
type transfer struct {
	classes int
	decay   [transferKernels]float64
	rate    [transferKernels]float64 // 2/τ_j
	revert  float64                  // of a gain to 1, per step

	f, e  []float64 // [class·kernels]
	em    []float64 // its mean over the high pass
	rm    float64   // mean of y − B over the high pass
	pass  float64   // gain of these means
	beta  []float64
	prior []float64 // prior mean of β, also its prior standard deviation
	cov   []float64 // n×n
	g, gv []float64 // [class]
	phi   float64   // dispersion φ of the visits around μ
	c     []float64 // c_s of this step
	hc    []float64 // its high pass, scratch
	x, cx []float64 // scratch
}

// Driver is the prior of one class of sources (MODEL 4.3).
type Driver struct {
	Kappa float64                  // visits a mention, median
	Mix   [transferKernels]float64 // share of them by kernel
}

const transferKernels = 4

// Time constants of the kernels in seconds: what is clicked at once, within the hour, the same evening,
// the next day.
var transferTau = [transferKernels]float64{5 * 60, 30 * 60, 180 * 60, 1440 * 60}

const (
	gainHalfLife  = 1.4 * day
	gainVariance  = .04
	gainNoise     = 1e-4 // per minute
	gainLow       = .05
	gainHigh      = 8
	betaNoise     = .004 // of the prior, per minute
	phiLow        = 1e-3
	phiHigh       = 2
	varianceFloor = 1e-9
	// Residuals of visits are correlated over some minutes: each minute tells less than it seems to.
	transferInflation = 3
	// Talk that doubles in minutes meets kernels whose lags are only roughly right: a wave that comes five
	// minutes later than they say must not be taken for half a wave.
	lagMisfit     = 1
	highPass      = 90 * 60 // seconds
	priorTogether = 1       // prior sd of a class's total, in units of its median
	priorApart    = .8      // prior sd of one kernel alone
)

func newTransfer(step float64, drivers []Driver) transfer {
	n := len(drivers) * transferKernels
	t := transfer{
		classes: len(drivers), revert: math.Exp2(-step / gainHalfLife),
		f: make([]float64, n), e: make([]float64, n), em: make([]float64, n), pass: 1 - math.Exp(-step/highPass), beta: make([]float64, n), prior: make([]float64, n), cov: make([]float64, n*n),
		g: make([]float64, len(drivers)), gv: make([]float64, len(drivers)), phi: .1,
		c: make([]float64, len(drivers)), hc: make([]float64, len(drivers)), x: make([]float64, n), cx: make([]float64, n),
	}
	for j, tau := range transferTau {
		t.decay[j] = math.Exp(-2 * step / tau)
		t.rate[j] = 2 * step / tau
	}
	for s, d := range drivers {
		t.g[s], t.gv[s] = 1, gainVariance
		for j, w := range d.Mix {
			i := s*transferKernels + j
			t.prior[i] = max(d.Kappa*w, 1e-6)
			t.beta[i] = t.prior[i]
		}
		for j := range transferKernels {
			for k := range transferKernels {
				a, b := s*transferKernels+j, s*transferKernels+k
				t.cov[a*n+b] = priorTogether * priorTogether * t.prior[a] * t.prior[b]
				if j == k {
					t.cov[a*n+a] += priorApart * priorApart * t.prior[a] * t.prior[a]
				}
			}
		}
	}
	return t
}

// look works out c from what was said up to the step before.
func (t *transfer) look() {
	for s := range t.classes {
		t.c[s] = 0
		for j := range transferKernels {
			i := s*transferKernels + j
			t.c[s] += t.beta[i] * t.e[i]
		}
	}
}

// lift is Σ g c, the visits of this step that mentions bring (negative when talk is below its usual).
func (t *transfer) lift() float64 {
	sum := 0.
	for s := range t.classes {
		sum += t.g[s] * t.c[s]
	}
	return sum
}

// learn takes in the visits of a step whose usual number is b. A lower bound teaches only upwards.
func (t *transfer) learn(y, b, stepMinutes float64, bound bool) {
	n := len(t.beta)
	mu := max(b+t.lift(), .1*b, .5)
	if bound && y < mu {
		return
	}
	r := y - b
	t.rm += t.pass * (r - t.rm)
	e := r - t.rm
	for s := range t.classes {
		t.hc[s] = 0
		for j := range transferKernels {
			i := s*transferKernels + j
			t.em[i] += t.pass * (t.e[i] - t.em[i])
			t.x[i] = t.g[s] * (t.e[i] - t.em[i])
			t.hc[s] += t.beta[i] * (t.e[i] - t.em[i])
		}
		e -= t.g[s] * t.hc[s]
	}
	lift := t.lift()
	v := transferInflation*(mu+t.phi*mu*mu) + lagMisfit*lagMisfit*lift*lift
	z := math.Abs(e) / math.Sqrt(v)
	w := 1.
	if z > 4 {
		w = 4 / z
	}
	quiet := true
	for _, x := range t.x {
		quiet = quiet && x == 0
	}
	if !quiet {
		xcx := 0.
		for i := range n {
			t.cx[i] = 0
			row := t.cov[i*n : (i+1)*n]
			for j, x := range t.x {
				t.cx[i] += row[j] * x
			}
			xcx += t.x[i] * t.cx[i]
		}
		k := 1 / (xcx + v/w)
		for i := range n {
			t.beta[i] = max(t.beta[i]+t.cx[i]*k*e, 0)
			row := t.cov[i*n : (i+1)*n]
			for j := range row {
				row[j] -= t.cx[i] * k * t.cx[j]
			}
		}
		for i := range n {
			t.cov[i*n+i] = max(t.cov[i*n+i], varianceFloor)
		}
		for s := range t.classes { // drift: what a mention brings changes, all kernels together
			for j := range transferKernels {
				a := s*transferKernels + j
				if t.cov[a*n+a] > (priorTogether*priorTogether+priorApart*priorApart)*t.prior[a]*t.prior[a] {
					continue
				}
				for k := range transferKernels {
					b := s*transferKernels + k
					t.cov[a*n+b] += betaNoise * betaNoise * stepMinutes * t.prior[a] * t.prior[b]
				}
			}
		}
	}
	for s := range t.classes {
		c := t.hc[s]
		if c != 0 {
			k := t.gv[s] * c / (c*c*t.gv[s] + v/w)
			t.g[s] = min(max(t.g[s]+k*e, gainLow), gainHigh)
			t.gv[s] *= 1 - k*c
		}
		t.g[s] = 1 + (t.g[s]-1)*t.revert
		t.gv[s] = max(t.gv[s]*t.revert*t.revert+gainNoise*stepMinutes, varianceFloor)
	}
	t.phi += .002 * (min(max((e*e-mu)/(mu*mu), -.5), 1) - t.phi)
	t.phi = min(max(t.phi, phiLow), phiHigh)
}

// hear takes in the deviation of one class in this step. NaN: not counted, the fast memory stands in.
func (t *transfer) hear(s int, d float64) {
	i := s * transferKernels
	if math.IsNaN(d) {
		d = t.f[i]
	}
	for j, a := range t.decay {
		t.f[i+j] = a*t.f[i+j] + (1-a)*d
		t.e[i+j] = a*t.e[i+j] + (1-a)*t.f[i+j]
	}
}

// run carries one kernel on for so many steps in which d is said in each.
func (t *transfer) run(j int, f, e, d, steps float64) (float64, float64) {
	a := math.Exp(-t.rate[j] * steps)
	return d + a*(f-d), d + a*(e-d+t.rate[j]*steps*(f-d))
}

func (t *transfer) snapshot(c *codec) {
	c.nums(t.f)
	c.nums(t.e)
	c.nums(t.em)
	c.num(&t.rm)
	c.nums(t.beta)
	c.nums(t.cov)
	c.nums(t.g)
	c.nums(t.gv)
	c.nums(t.c)
	c.num(&t.phi)
}
