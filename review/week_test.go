package review

import (
	"math"
	"testing"
	"time"

	"surgecast"
)

// aWeek is a ledger of a row every 15 minutes whose every hour stays between 50 and 150 with the chance of nine in ten,
// and traffic of 100 in every minute; top sets the highest minute of some hours.
type aWeek struct {
	rows    []surgecast.SiteForecast
	minutes []surgecast.TrafficMinute
}

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func newWeek(days int) *aWeek {
	w := &aWeek{}
	for m := range days * minutesPerDay {
		at := monday.Add(time.Duration(m) * time.Minute)
		w.minutes = append(w.minutes, surgecast.TrafficMinute{Segment: surgecast.TotalSegment, Minute: at, Requests: 100, Complete: true})
		if m%15 != 0 {
			continue
		}
		f := surgecast.SiteForecast{
			Segment: surgecast.TotalSegment, Origin: at, IssuedAt: at.Add(66 * time.Second), StepSeconds: 60, State: surgecast.StateCalm,
			Levels: []float64{.05, .5, .95}, HorizonMinutes: []int{15, 60, 120}, CapacityRPM: 1000, Risk: []float64{.001, .001, .001},
			LeadTimeP95Seconds: 600, SustainMinutes: 1,
		}
		for range f.HorizonMinutes {
			f.MaxQuantilesRPM = append(f.MaxQuantilesRPM, []float64{50, 100, 150})
		}
		w.rows = append(w.rows, f)
	}
	return w
}

// hour lets a whole hour, counted from the first, have so many requests a minute. Occasions are (origin, origin + 60],
// so its minutes begin one after the hour.
func (w *aWeek) hour(h int, rpm float64) {
	for m := 60*h + 1; m <= 60*h+60 && m < len(w.minutes); m++ {
		w.minutes[m].Requests = rpm
	}
}

// spread does so n times, evenly over the first so many hours.
func (w *aWeek) spread(n, hours int, rpm float64) {
	for i := range n {
		w.hour(i*hours/n, rpm)
	}
}

func (w *aWeek) judge(t *testing.T) surgecast.Week {
	t.Helper()
	end := w.minutes[len(w.minutes)-1].Minute.Add(time.Minute)
	week, err := JudgeWeek(w.rows, w.minutes, end.AddDate(0, 0, -7), end)
	if err != nil {
		t.Fatal(err)
	}
	return week
}

// The known answers of a whole week: 167 hours can be judged (the last one ends with the week's last minute missing),
// 8.35 misses are to be expected, twice as many make 26 or more once in 64 weeks, 27 or more once in 116.
//
// Fails when: weekMargin is 1 (17 is bad then), or judge leaves out the worst day.
func TestAWeekIsBadWhenItsPromiseIsBrokenTwiceOver(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(w *aWeek)
		outcome surgecast.WeekOutcome
		low     int
		high    int
		over    int
	}{
		{"all as forecast", func(*aWeek) {}, surgecast.WeekGood, 0, 0, 0},
		{"as often as promised", func(w *aWeek) { w.spread(8, 167, 200) }, surgecast.WeekGood, 8, 0, 0},
		{"twice as often", func(w *aWeek) { w.spread(17, 167, 200) }, surgecast.WeekGood, 17, 0, 0},
		{"chance still explains it", func(w *aWeek) { w.spread(26, 167, 200) }, surgecast.WeekGood, 26, 0, 0},
		{"too low", func(w *aWeek) { w.spread(27, 167, 200) }, surgecast.WeekBad, 27, 0, 0},
		{"too high", func(w *aWeek) { w.spread(28, 167, 20) }, surgecast.WeekBad, 0, 28, 0},
		{"always too low", func(w *aWeek) { w.spread(167, 167, 200) }, surgecast.WeekBad, 167, 0, 0},
		{"one bad day", func(w *aWeek) { // 24 hours in a row, and what is usual elsewhere
			for h := 48; h < 72; h++ {
				w.hour(h, 200)
			}
			for _, h := range []int{3, 30, 80, 100, 120, 150} {
				w.hour(h, 200)
			}
		}, surgecast.WeekGood, 30, 0, 0},
		{"overloads nobody announced", func(w *aWeek) {
			for _, h := range []int{10, 40, 70, 100} {
				w.hour(h, 1200)
			}
		}, surgecast.WeekBad, 4, 0, 4},
		{"overloads of one day", func(w *aWeek) {
			for _, h := range []int{10, 12, 14, 16} {
				w.hour(h, 1200)
			}
		}, surgecast.WeekGood, 4, 0, 4},
		{"announced overloads", func(w *aWeek) {
			for _, h := range []int{10, 40, 70, 100} {
				w.hour(h, 1200)
				w.rows[4*h].Risk = []float64{.4, .6, .7}
				w.rows[4*h].MaxQuantilesRPM[1] = []float64{50, 1100, 2000}
			}
		}, surgecast.WeekGood, 0, 0, 0},
	} {
		w := newWeek(7)
		c.change(w)
		got := w.judge(t)
		if got.Outcome != c.outcome || got.TooLow.Times != c.low || got.TooHigh.Times != c.high || got.Unannounced.Times != c.over {
			t.Errorf("%s: %s, %d low, %d high, %d over; want %s, %d, %d, %d: %+v", c.name, got.Outcome, got.TooLow.Times, got.TooHigh.Times, got.Unannounced.Times, c.outcome, c.low, c.high, c.over, got)
		}
		if got.Occasions != 167 || got.HorizonMinutes != 60 || math.Abs(got.TooLow.Expected-8.35) > 1e-9 {
			t.Errorf("%s: %d occasions of %d minutes, %.2f expected; want 167, 60, 8.35", c.name, got.Occasions, got.HorizonMinutes, got.TooLow.Expected)
		}
	}
}

// Fails when: JudgeWeek answers good or bad for fewer occasions than weekOccasions or less than weekJudged.
func TestTooShortAWeekIsNotJudged(t *testing.T) {
	for _, c := range []struct {
		name string
		w    *aWeek
	}{
		{"three days, all too low", func() *aWeek { w := newWeek(3); w.spread(71, 71, 200); return w }()},
		{"a week of which four days are missing", func() *aWeek {
			w := newWeek(7)
			w.spread(167, 167, 200)
			w.minutes = w.minutes[4*minutesPerDay:]
			return w
		}()},
		{"nothing", &aWeek{minutes: newWeek(1).minutes}},
		{"blind rows", func() *aWeek {
			w := newWeek(7)
			w.spread(167, 167, 200)
			for i := range w.rows {
				w.rows[i].State = surgecast.StateCannotTell
			}
			return w
		}()},
		{"a lead time no horizon reaches twice as far as", func() *aWeek {
			w := newWeek(7)
			w.spread(167, 167, 200)
			for i := range w.rows {
				w.rows[i].LeadTimeP95Seconds = 7200
			}
			return w
		}()},
	} {
		got := c.w.judge(t)
		if got.Outcome != surgecast.WeekCannotTell || got.TooLow.Bad || got.TooHigh.Bad || got.Unannounced.Bad {
			t.Errorf("%s: %+v, want cannot_tell and nothing bad", c.name, got)
		}
	}
}

// A minute at the limit is a lower bound: a demand that was at least 20 is not below 50, one that was at least 200 is
// above 150.
//
// Fails when: the too-high test no longer asks whether the highest demand is a bound.
func TestSaturatedHoursProveOnlyTooLow(t *testing.T) {
	for _, c := range []struct {
		rpm     float64
		outcome surgecast.WeekOutcome
		low     int
	}{{20, surgecast.WeekGood, 0}, {200, surgecast.WeekBad, 40}} {
		w := newWeek(7)
		w.spread(40, 167, c.rpm)
		for i := range w.minutes {
			w.minutes[i].Saturated = w.minutes[i].Requests == c.rpm
		}
		if got := w.judge(t); got.Outcome != c.outcome || got.TooLow.Times != c.low || got.TooHigh.Times != 0 {
			t.Errorf("saturated at %g: %+v, want %s with %d too low and none too high", c.rpm, got, c.outcome, c.low)
		}
	}
}

// Fails when: a gap is read as zero or as a miss: highest without its rule of four minutes in five.
func TestGapsProveNothing(t *testing.T) {
	w := newWeek(7)
	w.spread(40, 167, 20)
	kept := w.minutes[:0]
	for _, m := range w.minutes {
		if m.Requests != 20 || m.Minute.Minute() < 30 && m.Minute.Minute() > 0 {
			kept = append(kept, m)
		}
	}
	w.minutes = kept
	if got := w.judge(t); got.Outcome != surgecast.WeekGood || got.TooHigh.Times != 0 || got.Occasions >= 167 {
		t.Errorf("with half of 40 hours missing: %+v, want good, none too high, fewer occasions", got)
	}
}

// Origins before from are not judged: the week before a promotion does not count against it.
//
// Fails when: reliedOn no longer looks at from.
func TestWhatWasBeforeIsNotJudged(t *testing.T) {
	w := newWeek(14)
	w.spread(168, 168, 200)
	end := monday.AddDate(0, 0, 14)
	got, err := JudgeWeek(w.rows, w.minutes, end.AddDate(0, 0, -7), end)
	if err != nil || got.Outcome != surgecast.WeekGood || got.TooLow.Times != 0 {
		t.Errorf("the second week: %+v, %v, want good", got, err)
	}
}

// Known answers: binomial tails (R: pbinom(k − 1, n, p, lower.tail = FALSE)).
//
// Fails when: atLeast loses the last of the events it follows.
func TestAtLeast(t *testing.T) {
	same := func(n int, p float64) []float64 {
		ps := make([]float64, n)
		for i := range ps {
			ps[i] = p
		}
		return ps
	}
	for _, c := range []struct {
		k      int
		ps     []float64
		chance float64
	}{
		{0, nil, 1},
		{1, nil, 0},
		{1, []float64{.1, .2}, .28},
		{2, []float64{.1, .2}, .02},
		{3, same(3, .5), .125},
		{5, same(10, .1), .0016349374},
		{2, []float64{1, 1, 0}, 1},
	} {
		if got := atLeast(c.k, c.ps); math.Abs(got-c.chance) > 1e-9 {
			t.Errorf("atLeast(%d, %v) = %.10f, want %.10f", c.k, c.ps, got, c.chance)
		}
	}
}
