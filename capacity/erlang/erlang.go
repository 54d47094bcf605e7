// Package erlang says how long requests wait for one of several servers, and what so many servers take without letting
// them wait long. A server is whatever answers one request at a time: a worker, a thread, a process.
//
// It is the model M/M/c: arrivals without memory, service times exponential about their mean, one queue in order of
// arrival for all servers. Times are in mean service times; load is R = λ/μ, the servers that would be busy all the time
// if nobody waited.
//
// Sources: A. K. Erlang, Solution of some problems in the theory of probabilities of significance in automatic telephone
// exchanges (1917); S. Halfin, W. Whitt, Heavy-traffic limits for queues with many exponential servers (Operations
// Research 29, 1981); D. Gross, C. M. Harris, Fundamentals of Queueing Theory, ch. 2.
package erlang

import "math"

// exactUpTo is the most servers that are counted one by one. Beyond it the law of many servers differs by less than
// one part in 100,000 of the load (TestTheLawOfManyServersAgrees), and its time does not grow.
const exactUpTo = 256

// B is the share of requests turned away by c servers without a queue (M/M/c/c), by the recurrence
//
//	B_0 = 1,   B_k = R·B_{k−1} / (k + R·B_{k−1})
//
// which neither overflows nor loses digits, unlike the factorials it stands for.
func B(load float64, servers int) float64 {
	b := 1.0
	for k := 1; k <= servers; k++ {
		b = load * b / (float64(k) + load*b)
	}
	return b
}

// C is the share of requests that wait at all (M/M/c):
//
//	C = B / (1 − ρ(1 − B)),   ρ = R/c
//
// With one server it is ρ; it is 1 when the servers cannot carry the load. Of more servers than are worth counting it
// is the limit of Halfin and Whitt as Janssen, van Leeuwaarden and Zwart refined it (Refining square-root safety staffing
// by expanding Erlang C, Operations Research 59, 2011), with the normal distribution Φ and density φ:
//
//	C = 1 / (ρ + β (Φ(α)/φ(α) + 2/(3√c))),   β = (1 − ρ)√c,   α = √(−2c(1 − ρ + ln ρ))
func C(load float64, servers int) float64 {
	switch {
	case load >= float64(servers):
		return 1
	case servers > exactUpTo:
		return manyServers(load, float64(servers))
	}
	b := B(load, servers)
	return b / (1 - load/float64(servers)*(1-b))
}

func manyServers(load, servers float64) float64 {
	rho := load / servers
	beta := (1 - rho) * math.Sqrt(servers)
	alpha := math.Sqrt(max(-2*servers*(1-rho+math.Log(rho)), 0))
	normal := math.Erfc(-alpha/math.Sqrt2) / 2
	density := math.Exp(-alpha*alpha/2) / math.Sqrt(2*math.Pi)
	return 1 / (rho + beta*(normal/density+2/(3*math.Sqrt(servers))))
}

// Waiting is the share of requests that wait longer than t service times (Gross & Harris, M/M/c):
//
//	P(W > t) = C e^{−(c−R)t}
func Waiting(load float64, servers int, t float64) float64 {
	if load >= float64(servers) {
		return 1
	}
	return C(load, servers) * math.Exp(-(float64(servers)-load)*t)
}

// Staffing is square-root staffing, servers for a load with safety β: R + β√R (Halfin & Whitt 1981).
func Staffing(load, beta float64) float64 { return load + beta*math.Sqrt(load) }

// enough is the β with which not even one request in 20 waits, whatever the load (TestEnoughServersAreEnough).
const enough = 5.

// Load is the highest load with which no more than the share late of requests waits longer than t service times; late is
// at least 1/20. It is 0 without servers.
func Load(servers int, t, late float64) float64 {
	if servers <= 0 {
		return 0
	}
	const near = 1e-10 // of the share, relative: what is answered lies within twice that on the safe side
	c := float64(servers)
	// ln of Waiting over late: Waiting itself may be less than a number can be.
	over := func(load float64) float64 { return math.Log(C(load, servers)/late) - (c-load)*t + near }
	root := math.Sqrt(c+enough*enough/4) - enough/2
	// Between what square-root staffing is enough for, or what is served in time even if everybody had to wait, and what
	// keeps every server busy; the root by the false position, in the manner of Illinois (Dowell & Jarratt, BIT 11, 1971).
	low, high := max(root*root*(1-1e-12), c+math.Log(late)/t), c
	below, above := over(low), -math.Log(late)
	side := 0 // which end moved last
	for range 60 {
		x := low + (high-low)*below/(below-above)
		if !(x > low && x < high) {
			break
		}
		switch y := over(x); {
		case math.Abs(y) < near:
			return x
		case y > 0:
			high, above = x, y
			if side > 0 {
				below /= 2
			}
			side = 1
		default:
			low, below = x, y
			if side < 0 {
				above /= 2
			}
			side = -1
		}
	}
	return low
}

// Groups is the fewest groups of so many servers each with which no more than the share late of a load waits longer
// than t service times, all of them behind one queue; late is at least 1/20. It is most when that is not enough.
func Groups(load float64, each int, t, late float64, most int) int {
	if !(load > 0) || each <= 0 {
		return 0
	}
	all := Staffing(load, enough) / float64(each)
	low, high := int(min(load/float64(each), float64(most))), most // low groups are too few
	if all < float64(most) {
		high = min(int(math.Ceil(all))+1, most)
	}
	for high-low > 1 {
		if mid := low + (high-low)/2; Waiting(load, mid*each, t) <= late {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}
