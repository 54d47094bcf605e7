package simulate

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mathext"
)

// negativeBinomial is P(X ≤ k) of the counts overdispersed draws: the regularised incomplete beta function (Johnson,
// Kemp & Kotz, Univariate Discrete Distributions, §5.6). R agrees with it, see below.
func negativeBinomial(k, mean, size float64) float64 {
	return mathext.RegIncBeta(size, k+1, size/(size+mean))
}

// 100,000 counts of every mean and size a simulated world could have, three by three, are negative binomial: mean and
// variance μ + μ²/size within four standard errors, and nowhere further than 0.007 from the distribution, which chance
// does to one sample in ten thousand (Dvoretzky, Kiefer & Wolfowitz). The distribution itself is that of R's
// pnbinom(k, size, mu) to eight digits.
//
// Fails when: overdispersed takes Beta: mean/size.
func TestCountsAreNegativeBinomial(t *testing.T) {
	type known struct{ k, p float64 } // pnbinom of R 4.2
	for _, c := range []struct {
		mean, size float64
		known      []known
	}{
		{.1, .2, []known{{0, 0.922107911482}, {1, 0.983581772247}, {2, 0.9958765444}}},
		{.1, 5, []known{{0, 0.90573080983}, {1, 0.994527948049}}},
		{.1, 1e6, []known{{0, 0.90483742256}, {1, 0.995321155768}}},
		{5, .2, []known{{0, 0.521201108139}, {1, 0.621432090473}, {56, 0.990223507083}}},
		{5, 5, []known{{0, 0.03125}, {1, 0.109375}, {5, 0.623046875}, {14, 0.990394592285}}},
		{5, 1e6, []known{{0, 0.00673803122367}, {6, 0.762183097418}, {11, 0.994546784454}}},
		{500, .2, []known{{0, 0.209111184299}, {53, 0.503223604541}, {5507, 0.990003772047}}},
		{500, 5, []known{{1, 5.66169186388e-10}, {468, 0.502904863675}, {1164, 0.990050794606}}},
		{500, 1e6, []known{{501, 0.529689335617}, {553, 0.990824210627}}},
	} {
		for _, x := range c.known {
			if got := negativeBinomial(x.k, c.mean, c.size); math.Abs(got/x.p-1) > 1e-8 {
				t.Errorf("mean %g, size %g: P(X ≤ %g) is %.12g, R says %.12g", c.mean, c.size, x.k, got, x.p)
			}
		}
		const n = 100_000
		src := rand.NewPCG(41, 42)
		seen := map[float64]int{}
		sum, highest := 0., 0.
		for range n {
			y := overdispersed(src, c.mean, c.size)
			seen[y]++
			sum += y
			highest = max(highest, y)
		}
		mean, second, fourth := sum/n, 0., 0.
		for y, times := range seen {
			d := (y - mean) * (y - mean)
			second += d * float64(times) / n
			fourth += d * d * float64(times) / n
		}
		variance := c.mean + c.mean*c.mean/c.size
		if off := math.Abs(mean - c.mean); off > 4*math.Sqrt(variance/n) {
			t.Errorf("mean %g, size %g: drawn %.4f", c.mean, c.size, mean)
			continue
		}
		if off := math.Abs(second - variance); off > 4*math.Sqrt((fourth-second*second)/n) {
			t.Errorf("mean %g, size %g: variance %.4f, want %.4f", c.mean, c.size, second, variance)
		}
		below, widest := 0, 0.
		for k := 0.; k <= highest; k++ {
			below += seen[k]
			widest = max(widest, math.Abs(float64(below)/n-negativeBinomial(k, c.mean, c.size)))
		}
		if widest > .007 {
			t.Errorf("mean %g, size %g: %.4f from its distribution", c.mean, c.size, widest)
		}
	}
}
