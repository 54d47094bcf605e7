package rehearse

import (
	"math"
	"slices"

	"surgecast"
)

// tick is a short stretch of a test: how many users were at work, and what they got.
type tick struct {
	users    float64
	seconds  float64
	requests float64 // sent
	errors   float64 // of them, answered badly
	millis   []float32
	p95MS    float64 // when the tool gives no single answer times
}

const (
	plateauSeconds = 10 // a step holds its number of users at least so long
	settleSeconds  = 10 // the beginning of a step still shows the step before
	stepSeconds    = 5  // shorter steps measure nothing
	rampSlices     = 10 // a ramp without steps is cut into so many
)

// steps finds the load steps of a test: stretches of the same number of users. Of a ramp without any, slices of
// users stand in. memory is how many seconds a tick's numbers look back: neighbours within it are not independent.
func steps(ticks []tick, memory float64) (points []surgecast.LoadPoint, ramp bool) {
	total, held := 0.0, 0.0
	by := map[float64][]tick{}
	for i := 0; i < len(ticks); {
		j, length := i, 0.0
		for ; j < len(ticks) && ticks[j].users == ticks[i].users; j++ {
			length += ticks[j].seconds
		}
		total += length
		if length >= plateauSeconds && ticks[i].users > 0 {
			held += length
			settle := min(settleSeconds, length/3)
			for k, past := i, 0.0; k < j; k++ {
				if past += ticks[k].seconds; past > settle {
					by[ticks[i].users] = append(by[ticks[i].users], ticks[k])
				}
			}
		}
		i = j
	}
	if held < total/2 {
		by, ramp = slices10(ticks), true
	}
	for _, group := range by {
		if p, ok := stepOf(group, memory); ok {
			points = append(points, p)
		}
	}
	slices.SortFunc(points, func(a, b surgecast.LoadPoint) int { return order(a.Concurrency, b.Concurrency) })
	return points[:min(len(points), surgecast.MaxLoadPoints)], ramp
}

// slices10 cuts a ramp into stretches of about equal numbers of users.
func slices10(ticks []tick) map[float64][]tick {
	most := 0.0
	for _, t := range ticks {
		most = max(most, t.users)
	}
	by := map[float64][]tick{}
	for _, t := range ticks {
		if t.users > 0 {
			slice := math.Ceil(t.users / most * rampSlices)
			by[slice] = append(by[slice], t)
		}
	}
	return by
}

func stepOf(group []tick, memory float64) (surgecast.LoadPoint, bool) {
	var seconds, users, requests, errors float64
	var millis []float32
	var p95s, rates []float64
	for _, t := range group {
		seconds += t.seconds
		users += t.users * t.seconds
		requests += t.requests
		errors += t.errors
		millis = append(millis, t.millis...)
		if !math.IsNaN(t.p95MS) {
			p95s = append(p95s, t.p95MS)
		}
		if t.seconds > 0 {
			rates = append(rates, (t.requests-t.errors)/t.seconds*60)
		}
	}
	if seconds < stepSeconds || !(requests > 0) {
		return surgecast.LoadPoint{}, false
	}
	p := surgecast.LoadPoint{
		Concurrency: users / seconds, Seconds: seconds, OfferedRPM: requests / seconds * 60, ServedRPM: (requests - errors) / seconds * 60,
		ErrorShare: min(max(errors/requests, 0), 1), P95MS: unknown, SpreadRPM: unknown,
	}
	switch {
	case len(millis) > 0:
		slices.Sort(millis)
		p.P95MS = float64(millis[min(int(math.Ceil(.95*float64(len(millis))))-1, len(millis)-1)])
	case len(p95s) > 0:
		slices.Sort(p95s)
		p.P95MS = p95s[len(p95s)/2]
	}
	// The standard error of a mean of n ticks of which only every (memory)th is independent.
	if n := seconds / max(memory, seconds/float64(len(group))); n >= 2 && len(rates) > 1 {
		mean, sum := p.ServedRPM, 0.0
		for _, r := range rates {
			sum += (r - mean) * (r - mean)
		}
		p.SpreadRPM = math.Sqrt(sum/float64(len(rates)-1)) / math.Sqrt(n)
	}
	return p, true
}

func order(a, b float64) int {
	switch {
	case a < b || math.IsNaN(a) && !math.IsNaN(b):
		return -1
	case a > b || math.IsNaN(b) && !math.IsNaN(a):
		return 1
	}
	return 0
}
