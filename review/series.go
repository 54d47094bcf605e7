package review

import (
	"fmt"
	"math"
	"time"

	"surgecast"
)

const (
	minutesPerDay = 24 * 60

	// longestGap bounds what one wrong time stamp can make a report allocate.
	longestGap = 400 * minutesPerDay
)

// series is what came, minute by minute without holes: position i is the minute start + i.
type series struct {
	start   time.Time
	sustain int

	requests  []float64 // NaN: missing
	saturated []bool    // requests is a lower bound of demand
	z         []float64 // mean of the last sustain minutes that are known; NaN: none is
	known     []int     // known[i] = how many of requests[:i] are not missing
}

func newSeries(sustain int) *series {
	return &series{sustain: max(1, sustain), known: []int{0}}
}

func (s *series) len() int { return len(s.requests) }

// at is the position of the minute that holds t; it may lie outside the series.
func (s *series) at(t time.Time) int {
	d := t.Sub(s.start)
	i := int(d / time.Minute)
	if d < 0 && d%time.Minute != 0 {
		i--
	}
	return i
}

func (s *series) time(i int) time.Time { return s.start.Add(time.Duration(i) * time.Minute) }

// add appends one minute and marks the minutes skipped since the last one as missing.
func (s *series) add(m surgecast.TrafficMinute) error {
	if s.len() == 0 {
		s.start = m.Minute.UTC().Truncate(time.Minute)
	}
	i := s.at(m.Minute)
	switch {
	case i < s.len():
		return fmt.Errorf("review of minute %s: came after %s, minutes must rise", m.Minute.Format(time.RFC3339), s.time(s.len()-1).Format(time.RFC3339))
	case i-s.len() > longestGap:
		return fmt.Errorf("review of minute %s: more than %d days after the minute before", m.Minute.Format(time.RFC3339), longestGap/minutesPerDay)
	}
	for s.len() < i {
		s.push(math.NaN(), false)
	}
	x := sane(m.Requests)
	if x < 0 {
		x = math.NaN()
	}
	s.push(x, m.Saturated)
	return nil
}

func (s *series) push(x float64, saturated bool) {
	s.requests = append(s.requests, x)
	s.saturated = append(s.saturated, saturated)
	n := s.known[len(s.known)-1]
	if !math.IsNaN(x) {
		n++
	}
	s.known = append(s.known, n)
	s.z = append(s.z, s.sustained(s.len()-1))
}

// sustained is Z: the mean of the last sustain minutes up to i, of those that are known. One minute over
// capacity is not an outage, so risk is judged on this and not on the single minute.
func (s *series) sustained(i int) float64 {
	var sum, n float64
	for k := max(0, i-s.sustain+1); k <= i; k++ {
		if !math.IsNaN(s.requests[k]) {
			sum += s.requests[k]
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / n
}

// value is the requests of minute i, NaN outside the series.
func (s *series) value(i int) float64 {
	if i < 0 || i >= s.len() {
		return math.NaN()
	}
	return s.requests[i]
}

// knownIn is how many of the minutes [from, to) are known.
func (s *series) knownIn(from, to int) int {
	from, to = min(max(from, 0), s.len()), min(max(to, 0), s.len())
	if to <= from {
		return 0
	}
	return s.known[to] - s.known[from]
}

// firstOver is the first step 1..h after origin at which Z exceeds c, 0 when none does.
func (s *series) firstOver(origin, h int, c float64) int {
	for j := 1; j <= h && origin+j < s.len(); j++ {
		if origin+j >= 0 && s.z[origin+j] > c {
			return j
		}
	}
	return 0
}
