package model

import "math"

// transfer learns how many visits mentions bring, and when. For classes s of sources and kernels j of
// unit mass with time constants τ_j,
//
//	F_sj ← a_j F_sj + (1 − a_j) d_s        d_s: mentions of a step above what is usual then
//	E_sj ← a_j E_sj + (1 − a_j) F_sj       a_j = e^(−2/τ_j): a gamma kernel of order 2, mean lag τ_j
//	c_s  = Σ_j β_sj E_sj                    visits a step they bring, by what was learnt slowly
//	μ    = B (1 + u + Σ_k a_k f_k) + Σ_s g_s c_s
//
// with B the usual visits, u how far they stray from it for hours, f_k sine and cosine of the time of day
// and of its first harmonics, and g_s a fast gain that reverts to 1 (regression on promotion, as in the
// Hawkes intensity process: Rizoiu et al., WWW 2017; here with a few fixed kernels, because only their
// total is well identified, MODEL 0.7, and of order 2, because a post must be seen before it is followed).
//
// θ = (u, a, g, β) is followed by one extended Kalman filter (Durbin & Koopman 2012, §10.2), so that
// visits that stray by themselves, a conversion that has changed and one not yet known compete for each
// error:
//
//	u ← ρ_u u,  g ← 1 + ρ_g (g − 1),  P ← F P F' + Q
//	x = (B, B f_k, c_s, g_s E_sj)   e = y − μ   V = μ + φ μ² + (ν G)²,  G = Σ g c
//	w = min(1, 4/|z|)        z = e/√(x'Px + V)
//	K = P x / (x'Px + V/w)   θ += K e   P −= K x'P   β ≥ 0
//
// Without u an afternoon that is busier than usual would be taken for conversion; without a, so would
// every afternoon until the profile is right, which takes weeks. How much u strays is learnt from the
// errors themselves, which are uncorrelated when it is right (Mehra 1970). B is usual with the talk that
// is usual: it comes from the series that knows no mentions, or what is learnt would prove itself. The
// deviation d, not the count itself, is the regressor: talk follows the clock as visits do, and what both
// do every day is not one causing the other. Mentions of a step count from the next one on.
type transfer struct {
	classes int
	decay   [transferKernels]float64
	rate    [transferKernels]float64 // 2/τ_j
	revert  float64                  // ρ_g
	settle  float64                  // ρ_u
	minutes float64                  // of a step

	f, e   []float64            // [class·kernels]
	prior  []float64            // [class·kernels] prior mean of β
	wide   []float64            // [class] prior variance of a class's total in units of its median
	theta  []float64            // u and a, then g [class], then β [class·kernels]
	cov    []float64            // P, n×n
	phi    float64              // dispersion φ of the visits around μ
	stray  float64              // log standard deviation of u's change in a minute
	prev   float64              // e of the step before in units of its deviation
	c      []float64            // c_s of this step
	course [strayStates]float64 // 1, then sine and cosine of the day and its harmonics
	x, px  []float64            // scratch
	on     []int                // scratch: the states that take part in this step
}

// Driver is the prior of one class of sources (MODEL 4.3).
type Driver struct {
	Kappa float64                  // visits a mention, median
	Mix   [transferKernels]float64 // share of them by kernel

	// Together is the prior standard deviation of that total in units of Kappa: narrower where other sites tell it.
	// 0: 1.5.
	Together float64

	// Unproven says that nothing is known of the class but its counts. The series that listens to nothing but
	// such classes starts with little weight and has to earn more.
	Unproven bool
}

const transferKernels = 4

// Time constants of the kernels in seconds: what is clicked at once, within the hour, the same evening,
// the next day.
var transferTau = [transferKernels]float64{5 * 60, 30 * 60, 180 * 60, 1440 * 60}

const (
	gainHalfLife  = 1.4 * day
	gainVariance  = .04
	gainNoise     = 2e-4 // a minute
	gainLow       = .05
	gainHigh      = 8
	betaNoise     = .004 // of the prior, a minute
	phiLow        = 1e-3
	phiHigh       = 2
	varianceFloor = 1e-9
	// Talk that doubles in minutes meets kernels whose lags are only roughly right: a wave that comes five
	// minutes later than they say must not be taken for half a wave.
	lagMisfit     = .3
	priorTogether = 1.5 // prior sd of a class's total, in units of its median
	priorApart    = .5  // prior sd of one kernel alone

	courseHarmonics = 3
	strayStates     = 1 + 2*courseHarmonics // u, then a
	strayHalfLife   = 5 * 3600.             // seconds
	strayVariance   = .01                   // of u at first
	strayFirst      = .01                   // sd of u's change in a minute
	strayLow        = .002
	strayHigh       = .06
	strayGain       = .003
	courseVariance  = .04   // of a at first
	courseNoise     = .0005 // a minute
)

func newTransfer(step float64, drivers []Driver) transfer {
	k := len(drivers) * transferKernels
	n := strayStates + len(drivers) + k
	t := transfer{
		classes: len(drivers), revert: math.Exp2(-step / gainHalfLife), settle: math.Exp2(-step / strayHalfLife), minutes: step / 60,
		f: make([]float64, k), e: make([]float64, k), prior: make([]float64, k), wide: make([]float64, len(drivers)),
		theta: make([]float64, n), cov: make([]float64, n*n), phi: .1, stray: math.Log(strayFirst),
		c: make([]float64, len(drivers)), x: make([]float64, n), px: make([]float64, n), on: make([]int, 0, n),
	}
	for j, tau := range transferTau {
		t.decay[j] = math.Exp(-2 * step / tau)
		t.rate[j] = 2 * step / tau
	}
	t.cov[0] = strayVariance
	for k := 1; k < strayStates; k++ {
		t.cov[k*n+k] = courseVariance
	}
	for s, d := range drivers {
		g := strayStates + s
		t.theta[g] = 1
		t.cov[g*n+g] = gainVariance
		t.wide[s] = priorTogether * priorTogether
		if d.Together > 0 {
			t.wide[s] = d.Together * d.Together
		}
		for j, w := range d.Mix {
			t.prior[s*transferKernels+j] = max(d.Kappa*w, 1e-6)
			t.theta[t.at(s, j)] = t.prior[s*transferKernels+j]
		}
		for j := range transferKernels {
			for k := range transferKernels {
				a, b := t.prior[s*transferKernels+j], t.prior[s*transferKernels+k]
				v := t.wide[s] * a * b
				if j == k {
					v += priorApart * priorApart * a * a
				}
				t.cov[t.at(s, j)*n+t.at(s, k)] = v
			}
		}
	}
	return t
}

// at is where β_sj stands in θ.
func (t *transfer) at(s, j int) int { return strayStates + t.classes + s*transferKernels + j }

func (t *transfer) gain(s int) float64    { return t.theta[strayStates+s] }
func (t *transfer) beta(s, j int) float64 { return t.theta[t.at(s, j)] }

// heard reports whether anything but the usual was ever said in a class.
func (t *transfer) heard(s int) bool {
	for _, e := range t.e[s*transferKernels : (s+1)*transferKernels] {
		if e != 0 {
			return true
		}
	}
	return false
}

// look works out c from what was said up to the step before.
func (t *transfer) look() {
	for s := range t.classes {
		t.c[s] = 0
		for j := range transferKernels {
			t.c[s] += t.beta(s, j) * t.e[s*transferKernels+j]
		}
	}
}

// lift is Σ g c, the visits of this step that mentions bring (negative when talk is below its usual).
func (t *transfer) lift() float64 {
	sum := 0.
	for s := range t.classes {
		sum += t.gain(s) * t.c[s]
	}
	return sum
}

// base is B (1 + u): the visits of this step without the deviations of talk, when b is usual.
func (t *transfer) base(b float64) float64 {
	r := 1.
	for k, x := range t.course {
		r += t.theta[k] * x
	}
	return b * max(r, .1)
}

// turn sets the hand of the clock to a local time in seconds.
func (t *transfer) turn(local float64) {
	t.course[0] = 1
	for k := 1; k < strayStates; k += 2 {
		t.course[k], t.course[k+1] = math.Sincos(2 * math.Pi * float64(k/2+1) * math.Mod(local, day) / day)
	}
}

// drift is the time update. Classes never heard keep their priors. Until the course of the day is known,
// u follows it: talk and visits both rise in the morning.
func (t *transfer) drift(known bool) {
	n := len(t.theta)
	t.on = t.on[:0]
	for k := range strayStates {
		t.on = append(t.on, k)
	}
	for s := range t.classes {
		if t.heard(s) {
			t.on = append(t.on, strayStates+s)
			for j := range transferKernels {
				t.on = append(t.on, t.at(s, j))
			}
		}
	}
	t.theta[0] *= t.settle
	for _, i := range t.on {
		var r float64
		switch {
		case i == 0:
			r = t.settle
		case i < strayStates:
			continue
		case i < strayStates+t.classes:
			r = t.revert
			t.theta[i] = 1 + (t.theta[i]-1)*r
		default:
			continue
		}
		for _, k := range t.on {
			t.cov[i*n+k] *= r
			t.cov[k*n+i] *= r
		}
	}
	q := math.Exp(t.stray)
	if !known {
		q = strayHigh
	}
	t.cov[0] += q * q * t.minutes
	for k := 1; k < strayStates; k++ {
		t.cov[k*n+k] += courseNoise * courseNoise * t.minutes
	}
	for _, i := range t.on {
		if s := i - strayStates; s >= 0 && s < t.classes {
			t.cov[i*n+i] += gainNoise * t.minutes
			// What a mention brings changes, all kernels together. What was not learnt cannot be forgotten.
			for j := range transferKernels {
				a, p := t.at(s, j), t.prior[s*transferKernels+j]
				if t.cov[a*n+a] > (t.wide[s]+priorApart*priorApart)*p*p {
					continue
				}
				for k := range transferKernels {
					t.cov[a*n+t.at(s, k)] += betaNoise * betaNoise * t.minutes * p * t.prior[s*transferKernels+k]
				}
			}
		}
	}
}

// learn takes in the visits of a step whose usual number is b. A lower bound teaches only upwards.
func (t *transfer) learn(y, b float64, low bool) {
	lift := t.lift()
	mu := max(t.base(b)+lift, .1*b, .5)
	e := y - mu
	if low && e < 0 {
		return
	}
	n := len(t.theta)
	for k, x := range t.course {
		t.x[k] = max(b, .5) * x
	}
	for s := range t.classes {
		t.x[strayStates+s] = t.c[s]
		for j := range transferKernels {
			t.x[t.at(s, j)] = t.gain(s) * t.e[s*transferKernels+j]
		}
	}
	xpx := 0.
	for _, i := range t.on {
		sum, row := 0., t.cov[i*n:(i+1)*n]
		for _, k := range t.on {
			sum += row[k] * t.x[k]
		}
		t.px[i] = sum
		xpx += t.x[i] * sum
	}
	xpx = max(xpx, 0)
	v := mu + t.phi*mu*mu + lagMisfit*lagMisfit*lift*lift
	z := e / math.Sqrt(xpx+v)
	w := min(1, 4/math.Abs(z))
	k := 1 / (xpx + v/w)
	for a, i := range t.on {
		t.theta[i] += t.px[i] * k * e
		for _, j := range t.on[:a+1] {
			p := t.cov[i*n+j] - t.px[i]*k*t.px[j]
			t.cov[i*n+j], t.cov[j*n+i] = p, p
		}
	}
	for _, i := range t.on {
		t.cov[i*n+i] = max(t.cov[i*n+i], varianceFloor)
		switch {
		case i == 0:
			t.theta[0] = min(max(t.theta[0], -.9), 4)
		case i < strayStates:
			t.theta[i] = bound(t.theta[i], 1)
		case i < strayStates+t.classes:
			t.theta[i] = min(max(t.theta[i], gainLow), gainHigh)
		default:
			t.theta[i] = max(t.theta[i], 0)
		}
	}
	// The error of a lower bound is at least e: it tells of no less dispersion, and of no less straying.
	if off := min(max((e*e-mu-xpx)/(mu*mu), -.5), 1) - t.phi; !low || off > 0 {
		t.phi += .002 * off
	}
	t.phi = min(max(t.phi, phiLow), phiHigh)
	z = bound(z, 3)
	quiet := 1 - min(math.Abs(lift)/mu, 1)
	if z*t.prev > 0 || !low {
		t.stray += strayGain * quiet * z * t.prev
	}
	t.stray = min(max(t.stray, math.Log(strayLow)), math.Log(strayHigh))
	t.prev = z
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
	c.nums(t.theta)
	c.nums(t.cov)
	c.nums(t.c)
	c.num(&t.phi)
	c.num(&t.stray)
	c.num(&t.prev)
	c.nums(t.course[:])
}
