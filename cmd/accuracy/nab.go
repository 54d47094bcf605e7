package main

import (
	"math"
	"slices"
)

// The score of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015, its standard profile; numenta/NAB, nab/sweeper.py):
//
//	s(y) = 2/(1 + e^(5y)) − 1, −1 from y = 3 on
//	in a window of w steps, k steps before its last one   the first detection counts s(−(k+1)/w) / s(−1), none −1
//	k steps after a window of w                           each counts .11 s(k/(w−1)); before any window −.11
//
// summed over the series. 100 is a detection at the first step of every window and none outside, 0 is silence. The
// first 15 % of a series, of 5,000 steps at most, are not judged. A detection is here the step at which an alarm rises,
// as it is told, not every step it is up.
const (
	nabFalse     = .11
	nabProbation = .15
	nabLongest   = 5000
)

func nabSigmoid(y float64) float64 {
	if y >= 3 {
		return -1
	}
	return 2/(1+math.Exp(5*y)) - 1
}

// nabSum is a sum of scores with those of a perfect and of a silent detector on the same windows.
type nabSum struct{ got, perfect, silent float64 }

// add judges the detections of one series in [from, to) by the windows that begin there.
func (n *nabSum) add(detections []int, windows []span, from, to int) {
	slices.SortFunc(windows, func(a, b span) int { return a.first - b.first })
	last := -1 // index of the newest window that has ended
	best := make([]float64, len(windows))
	for i := range best {
		best[i] = -1
	}
	for _, at := range detections {
		if at < from || at >= to {
			continue
		}
		inside := false
		for i, w := range windows {
			width := float64(w.last - w.first + 1)
			if at >= w.first && at <= w.last {
				inside = true
				best[i] = max(best[i], nabSigmoid(-float64(w.last-at+1)/width)/nabSigmoid(-1))
			}
			if w.last < at {
				last = i
			}
		}
		switch {
		case inside:
		case last < 0:
			n.got -= nabFalse
		default:
			w := windows[last]
			n.got += nabFalse * nabSigmoid(float64(at-w.last)/float64(w.last-w.first))
		}
	}
	for i, w := range windows {
		if w.first >= from && w.first < to {
			n.got, n.perfect, n.silent = n.got+best[i], n.perfect+1, n.silent-1
		}
	}
}

// score is 0 for silence and 100 for a perfect detector; NaN without windows.
func (n nabSum) score() float64 { return 100 * (n.got - n.silent) / (n.perfect - n.silent) }

// nabOf is the score of one kind of alarm at a threshold, over parts of all series.
func nabOf(all []*scored, at map[string][]span, kind int, limit float64, part func(*scored) (from, to int)) float64 {
	var sum nabSum
	for _, s := range all {
		from, to := part(s)
		var rises []int
		for _, e := range s.episodes(kind, limit, from, to) {
			rises = append(rises, e.first)
		}
		sum.add(rises, slices.Clone(at[s.name]), from, to)
	}
	return sum.score()
}

// nabBest is the score at the threshold that proves best on the same series, as the benchmark's own table has it: of
// thresholds nobody could have known.
func nabBest(all []*scored, at map[string][]span, kind int) float64 {
	whole := func(s *scored) (int, int) {
		return int(nabProbation * float64(min(len(s.d.y), nabLongest))), len(s.d.y)
	}
	var seen []float64
	for _, s := range all {
		from, to := whole(s)
		seen = append(seen, s.score[kind][from:to]...)
	}
	slices.Sort(seen)
	best := math.Inf(-1)
	const grid = 300
	for k := range grid {
		share := math.Pow(float64(k)/grid, 3) * .1
		best = max(best, nabOf(all, at, kind, seen[len(seen)-1-int(share*float64(len(seen)-1))], whole))
	}
	return best
}
