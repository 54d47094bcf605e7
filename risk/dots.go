package risk

import "math"

// dotCount is how many equally likely cases are drawn; each stands for the display step of 5 %.
const dotCount = 20

// Dots are 20 equally likely highest sustained demands within the horizon (requests a minute, rising) and
// 20 equally likely first breaches of capacity (minutes from the origin, rising, NaN: not by then). Both
// invert the same R(h, C), given as r[horizon][capacity] over the horizons h and the capacities grid: over C
// for the peaks, over h for the times. So as many peaks lie above capacity as first breaches lie within the
// horizon, and both counts are R(horizon, capacity) in steps of 5 %.
//
// Nil when the grid says nothing.
func Dots(h []int, grid []float64, r [][]float64, horizon int, capacity float64) (peaks, minutes []float64) {
	curve := along(h, grid, r, capacity)
	p := At(h, curve, float64(horizon))
	if math.IsNaN(p) {
		return nil, nil
	}
	return dots(h, grid, r, curve, horizon, capacity, int(math.Round(p*dotCount)))
}

// dots draws n of 20 cases over capacity. n comes from the percentage as shown, which hysteresis may hold a
// point beside R: the cases on each side are spread over their own part of the distribution, so the count is
// exact and each dot moves as smoothly as R does.
//
//	over:   P(M > x_j) = R·(j − ½)/n           T_j: R(T_j) = R·(j − ½)/n          j = 1..n
//	within: P(M > x_j) = R + (1−R)(j − ½)/(20−n)                                  j = 1..20−n
//
// With R = n/20 these are the plain quantiles (k − ½)/20.
func dots(h []int, grid []float64, r [][]float64, curve []float64, horizon int, capacity float64, n int) (peaks, minutes []float64) {
	p := At(h, curve, float64(horizon))
	exceed := exceedance(h, grid, r, horizon, capacity, p)
	if len(exceed) == 0 {
		return nil, nil
	}
	peaks, minutes = make([]float64, 0, dotCount), make([]float64, 0, dotCount)
	for j := dotCount - n; j >= 1; j-- {
		x := invert(exceed, p+(1-p)*(float64(j)-.5)/float64(dotCount-n))
		peaks = append(peaks, max(min(x, capacity), 0))
	}
	above := math.Nextafter(capacity, math.Inf(1))
	for j := n; j >= 1; j-- {
		peaks = append(peaks, max(invert(exceed, p*(float64(j)-.5)/float64(n)), above))
	}
	for j := 1; j <= n; j++ {
		t := TimeToBreach(h, curve, p*(float64(j)-.5)/float64(n))
		if math.IsNaN(t) || t > float64(horizon) {
			t = float64(horizon)
		}
		minutes = append(minutes, t)
	}
	for len(minutes) < dotCount {
		minutes = append(minutes, math.NaN())
	}
	return peaks, minutes
}

// along is the risk curve over the horizons at one capacity, read from the grid.
func along(h []int, grid []float64, r [][]float64, capacity float64) []float64 {
	out := make([]float64, len(h))
	for i := range h {
		out[i] = math.NaN()
		if i < len(r) {
			out[i] = atCapacity(grid, r[i], capacity)
		}
	}
	return out
}

// atCapacity reads one row of the grid at a capacity, linearly between its capacities. Everything passes a
// capacity of 0; beyond the last capacity the chance is taken to halve each time the distance doubles, not to
// stop at its last value.
func atCapacity(grid, row []float64, capacity float64) float64 {
	c := falling(grid, row)
	if len(c) == 0 || math.IsNaN(capacity) {
		return math.NaN()
	}
	prev := point{0, 1}
	for _, k := range c {
		if capacity <= k.x {
			if k.x <= prev.x {
				return k.p
			}
			return prev.p + (k.p-prev.p)*(max(capacity, 0)-prev.x)/(k.x-prev.x)
		}
		prev = k
	}
	return prev.p * prev.x / capacity
}

type point struct{ x, p float64 } // P(M > x) = p

// falling is a row's usable points: capacities rising, chances within 0…1 and never rising.
func falling(grid, row []float64) []point {
	n := min(len(grid), len(row))
	out := make([]point, 0, n)
	for i := range n {
		if !(grid[i] > 0) || math.IsNaN(row[i]) || len(out) > 0 && grid[i] <= out[len(out)-1].x {
			continue
		}
		out = append(out, point{grid[i], min(max(row[i], 0), 1)})
	}
	for i := len(out) - 2; i >= 0; i-- {
		out[i].p = max(out[i].p, out[i+1].p)
	}
	return out
}

// exceedance is P(M > x) for the maximum M within the horizon, with the point (capacity, p) put in: the chance
// at the site's own capacity is known exactly, the grid only around it.
func exceedance(h []int, grid []float64, r [][]float64, horizon int, capacity, p float64) []point {
	if math.IsNaN(p) || !(capacity > 0) {
		return nil
	}
	row := make([]float64, len(grid))
	for j := range grid {
		column := make([]float64, len(h))
		for i := range h {
			column[i] = math.NaN()
			if i < len(r) && j < len(r[i]) {
				column[i] = r[i][j]
			}
		}
		row[j] = At(h, column, float64(horizon))
	}
	c := falling(grid, row)
	if len(c) == 0 {
		return nil
	}
	out := make([]point, 0, len(c)+2)
	out = append(out, point{0, 1})
	placed := false
	for _, k := range c {
		if !placed && k.x >= capacity {
			out = append(out, point{capacity, p})
			placed = true
			if k.x == capacity {
				continue
			}
		}
		if placed {
			k.p = min(k.p, p)
		} else {
			k.p = max(k.p, p)
		}
		out = append(out, k)
	}
	if !placed {
		out = append(out, point{capacity, p})
	}
	return out
}

// invert is the x with P(M > x) = p, linearly between points; beyond the last one by the same halving as
// atCapacity.
func invert(c []point, p float64) float64 {
	for i := 1; i < len(c); i++ {
		a, b := c[i-1], c[i]
		if p >= b.p {
			if a.p <= b.p {
				return b.x
			}
			return a.x + (b.x-a.x)*(a.p-min(p, a.p))/(a.p-b.p)
		}
	}
	last := c[len(c)-1]
	if !(p > 0) {
		return last.x
	}
	return last.x * min(last.p/p, 10)
}
