package main

import (
	"math"
	"testing"
)

func nabScored(detections []int, windows []span, from, to int) nabSum {
	var n nabSum
	n.add(detections, windows, from, to)
	return n
}

// MODEL 6.11, 15: a perfect detector has 100, a silent one 0; and what numenta/NAB publishes of its detector at its
// threshold (results/numenta/numenta_standard_scores.csv, version 1.0): each file has one score this formula must be
// able to make of its windows and its counts of rows inside and outside of them.
//
// Fails when: a second detection in a window counts, the position loses its + 1, or the distance past a window is
// divided by its width instead of one less.
func TestNABScore(t *testing.T) {
	windows := []span{{first: 1000, last: 1401}, {first: 3000, last: 3401}}
	perfect := nabScored([]int{1000, 3000}, windows, 750, 5000)
	if s := perfect.score(); s != 100 {
		t.Errorf("perfect: %v", s)
	}
	if s := nabScored([]int{1000, 1001, 1400, 3000}, windows, 750, 5000); s != perfect {
		t.Errorf("detections after the first count: %+v", s)
	}
	if s := nabScored(nil, windows, 750, 5000).score(); s != 0 {
		t.Errorf("silent: %v", s)
	}
	if s := nabScored([]int{1, 2, 749, 5000}, windows, 750, 5000).score(); s != 0 {
		t.Errorf("outside what is judged: %v", s)
	}
	if got := nabScored([]int{1201}, windows[:1], 750, 5000).got; math.Abs(got-.8482836399575129/.9866142981514303) > 2e-2 {
		t.Errorf("in the middle of a window: %v, about .86 of a point", got)
	}
	if got := nabScored([]int{1401}, windows[:1], 750, 5000).got; !(got > 0 && got < .01) {
		t.Errorf("at a window's right edge: %v, nearly nothing", got)
	}

	// One width less one behind a window is position 1: −.98661 of a false one.
	if got := nabScored([]int{1401 + 401}, windows[:1], 750, 5000).got; math.Abs(got+1+.11*.9866142981514303) > 1e-12 {
		t.Errorf("a window's width behind it: %v", got)
	}

	// Published, one window each and one detection in it: exactly one place in the window gives the score. The width is
	// TP + FN of the published row.
	for _, c := range []struct {
		file  string
		width int
		score float64
	}{
		{"realAWSCloudwatch/ec2_cpu_utilization_ac20cd", 403, .875727409493},
		{"realAWSCloudwatch/ec2_network_in_257a54", 403, .855326299622},
		{"realTraffic/TravelTime_451", 217, .568159134461},
	} {
		found := 0
		for at := 1000; at < 1000+c.width; at++ {
			if n := nabScored([]int{at}, []span{{first: 1000, last: 999 + c.width}}, 750, 5000); math.Abs(n.got-c.score) < 1e-11 {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s: %d places in its window score %v", c.file, found, c.score)
		}
	}
	// Published, two windows of 201 rows each: ec2_cpu_utilization_5f5533 hits both and nothing else, 24ae8d the same
	// with three rows before any window.
	pair := []span{{first: 1000, last: 1200}, {first: 2000, last: 2200}}
	hits, wrong := 0, 0
	for a := range 201 {
		for b := range 201 {
			if n := nabScored([]int{1000 + a, 2000 + b}, pair, 750, 5000); math.Abs(n.got-1.71603136566) < 1e-11 {
				hits++
				n = nabScored([]int{800, 850, 900, 1000 + a, 2000 + b}, pair, 750, 5000)
				if math.Abs(n.got-1.38603136566) > 1e-11 {
					wrong++
				}
			}
		}
	}
	if hits == 0 || wrong > 0 {
		t.Errorf("two windows: %d pairs of places score 1.71603136566, %d of them not 1.38603136566 with three false rows", hits, wrong)
	}
	// iio_us-east-1: two windows missed, one row outside all: −2.11. c6585a: no window, four rows outside: −.44.
	if n := nabScored([]int{800}, windows, 750, 5000); math.Abs(n.got - -2.11) > 1e-12 {
		t.Errorf("two missed and one false: %v, published −2.11", n.got)
	}
	if n := nabScored([]int{800, 900, 2000, 2500}, nil, 750, 5000); math.Abs(n.got - -.44) > 1e-12 {
		t.Errorf("four false without a window: %v, published −.44", n.got)
	}
	// The whole table: 35.4320680226 of 116 windows is the published 65.3.
	if s := (nabSum{got: 35.4320680226, perfect: 116, silent: -116}).score(); math.Abs(s-65.3) > .05 {
		t.Errorf("the detector's published total makes %v, published 65.3", s)
	}
}
