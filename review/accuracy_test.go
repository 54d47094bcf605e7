package review

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got Number, want float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > 1e-9 {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// q is the judged levels of a forecast: .05 .1 .25 .5 .75 .9 .95 .99 and .025 .975.
func q(xs ...float64) []float64 { return xs }

func TestLeadScore(t *testing.T) {
	var s leadSums
	// Forecast: every level 100 but the upper ones.
	//   y = 120: pinball at .05 .1 .25 .5 (q = 100): 20·(.05+.1+.25+.5) = 18; .75 (q = 110): .75·10 = 7.5;
	//            .9 (q = 120): 0; .95 (q = 130): .05·10 = .5; .99 (q = 140): .01·20 = .2.   Sum 26.2
	s.add(120, false, q(100, 100, 100, 100, 110, 120, 130, 140, 90, 135), 90, 110)
	//   y = 80: .95·20 + .9·20 + .75·20 + .5·20 + .25·30 + .1·40 + .05·50 + .01·60 = 62 + 7.5 + 4 + 2.5 + .6 = 76.6
	s.add(80, false, q(100, 100, 100, 100, 110, 120, 130, 140, 90, 135), math.NaN(), 100)
	r := s.score(5)
	near(t, "WQL", r.WQL, 2*(26.2+76.6)/8/200)
	near(t, "pinball .95", r.Pinball95, 2*(.5+2.5)/200)
	near(t, "MAE", r.MAE, 20)
	near(t, "vs yesterday", r.VsYesterday, 20./30) // only the first has a yesterday
	near(t, "vs last", r.VsLast, (20.+20)/(10+20))
	near(t, "50 %", r.Coverage50, 0)  // 100–110 holds neither
	near(t, "80 %", r.Coverage80, .5) // 100–120 holds 120
	near(t, "90 %", r.Coverage90, .5)
	near(t, "95 %", r.Coverage95, .5) // 90–135: 80 is below
	near(t, "below q95", r.Below95, 1)
	if r.N != 2 {
		t.Errorf("n = %d, want 2", r.N)
	}
}

// A saturated minute is a lower bound: a forecast above it may well be right, one below it is wrong for sure.
func TestSaturatedMinuteCountsOnlyAgainstAForecastBelowIt(t *testing.T) {
	var s leadSums
	s.add(100, true, q(110, 110, 110, 110, 110, 110, 110, 110, 110, 110), 50, 50)
	if s.n != 0 {
		t.Fatalf("a forecast above the bound was counted")
	}
	// Median 90 below the bound; .75 and up reach over it, so only .05 .1 .25 .5 lose: 10·.9 = 9 with q = 90.
	s.add(100, true, q(90, 90, 90, 90, 110, 120, 130, 140, 80, 135), 50, 150)
	r := s.score(5)
	near(t, "WQL", r.WQL, 2*9./8/100)
	near(t, "vs yesterday", r.VsYesterday, 10./50)
	if r.VsLast.Known() {
		t.Errorf("compared with a last value of 150, above the bound: nobody knows who was nearer")
	}
	if r.Coverage50.Known() || r.Below95.Known() {
		t.Errorf("an interval that reaches over the bound was judged: %v %v", r.Coverage50, r.Below95)
	}
	s.add(100, true, q(10, 20, 30, 40, 50, 60, 70, 80, 5, 75), 50, 50)
	near(t, "80 % after a sure miss", s.score(5).Coverage80, 0)
}

func TestMissingMinuteIsNotZero(t *testing.T) {
	var s leadSums
	s.add(math.NaN(), false, q(1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 1, 1)
	if r := s.score(1); r.N != 0 || r.WQL.Known() {
		t.Errorf("a missing minute was judged: %+v", r)
	}
}

func TestHorizonScore(t *testing.T) {
	var s horizonSums
	// Chances .1 .1 .9 .9, outcomes 0 0 1 0: Brier = (.01 + .01 + .01 + .81)/4 = .21; base .25, so .1875 for the
	// base rate and skill 1 − .21/.1875 = −.12. Off: (|.2 − 0| + |1.8 − 1|)/4 = .25.
	s.add(0, .1, false)
	s.add(1, .1, false)
	s.add(100, .9, true)
	s.add(131, .9, false) // 31 minutes later: another occasion
	r := s.score(60)
	near(t, "base", r.BaseRate, .25)
	near(t, "Brier", r.Brier, .21)
	near(t, "skill", r.Skill, 1-.21/.1875)
	near(t, "off", r.CalibrationError, .25)
	if len(r.Reliability) != 2 {
		t.Fatalf("%d rows of reliability, want 2: %+v", len(r.Reliability), r.Reliability)
	}
	low, high := r.Reliability[0], r.Reliability[1]
	if low.From != .05 || low.N != 2 || low.Occasions != 1 || low.Happened != 0 {
		t.Errorf("low row %+v, want 2 origins of 1 occasion from .05, none happened", low)
	}
	if high.From != .8 || high.N != 2 || high.Occasions != 2 || high.Happened != 1 || high.OccasionsHappened != 1 {
		t.Errorf("high row %+v, want 2 origins of 2 occasions from .8, 1 happened", high)
	}
	s.add(200, math.NaN(), true)
	if s.n != 4 {
		t.Errorf("an unknown chance was judged")
	}
	var certain horizonSums
	certain.add(0, 1, true)
	if got := certain.score(5); len(got.Reliability) != 1 || got.Reliability[0].To != 1 || got.Skill.Known() {
		t.Errorf("p = 1 belongs to the last row, and skill is unknown when everything happened: %+v", got)
	}
}
