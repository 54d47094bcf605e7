package capacity

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"surgecast"
)

var start = time.Date(2026, 9, 24, 12, 20, 0, 0, time.UTC)

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// nordlicht serves 1,200 requests a minute with 6 units and needs 9 minutes for more. α is given: .95.
func nordlicht() surgecast.CapacityProfile {
	return surgecast.CapacityProfile{
		Units: 6, MinUnits: 2, MaxUnits: 40, RPMPerUnit: 200, LeadTimeP95Seconds: 540,
		CostLostRequest: .05, CostIdleUnitHour: .4, Currency: "EUR", TargetQuantile: .95,
	}
}

// flat is a forecast whose window maxima do not depend on the window.
func flat(rpm float64) func(int, int, float64) float64 {
	return func(int, int, float64) float64 { return rpm }
}

func TestRecommend(t *testing.T) {
	prev := func(units, would int, ago time.Duration) *surgecast.Recommendation {
		return &surgecast.Recommendation{Units: units, WouldBeUnits: would, Sequence: 7, IssuedAt: start.Add(-ago)}
	}
	held := func(units int, minutes int) Trail { // the floor has stood for so long
		return Trail{{At: start.Add(-time.Duration(minutes) * time.Minute), Answered: units, WouldBe: units, Serving: units}}
	}
	for _, tt := range []struct {
		name   string
		change func(*Input)
		units  int
		would  int
		reason string
	}{
		// 2,540 requests a minute / 200 = 12.7 → 13; 6 now, so at most 12 within 5 minutes.
		{"forecast, doubling", func(in *Input) { in.WindowMaxRPM = flat(2540) }, 12, 12, ReasonDoubling},
		{"forecast", func(in *Input) { in.WindowMaxRPM = flat(2540); in.UnitsNow = 7 }, 13, 13, ReasonForecast},
		{"calm", func(in *Input) { in.WindowMaxRPM = flat(640); in.DemandNowRPM = 500 }, 4, 4, ReasonForecast},
		{"quiet: minimum", func(in *Input) { in.WindowMaxRPM = flat(100); in.DemandNowRPM = 50 }, 2, 2, ReasonMinUnits},
		// The forecast asks for ⌈900/200⌉ = 5, but 1,150 arrive now: 6.
		{"measured", func(in *Input) { in.WindowMaxRPM = flat(900); in.DemandNowRPM = 1150 }, 6, 6, ReasonMeasured},
		// 4,000 arrive: 20 units, more than double and more than the budget pays for, but they are needed now.
		{"measured beats ramp and budget", func(in *Input) {
			in.WindowMaxRPM = flat(4000)
			in.DemandNowRPM = 4000
			in.Profile.MaxExtraUnitHoursPerDay = 1
		}, 20, 20, ReasonForecast},
		{"max units", func(in *Input) { in.WindowMaxRPM = flat(90000); in.UnitsNow = 30 }, 40, 40, ReasonMaxUnits},
		{"max units beat what is measured", func(in *Input) { in.WindowMaxRPM = flat(90000); in.DemandNowRPM = 90000 }, 40, 40, ReasonMaxUnits},
		// 13 is within 10 % of 12: ⌊13.2⌋ + 1 = 14.
		{"tolerance", func(in *Input) { in.WindowMaxRPM = flat(2540); in.UnitsNow = 12 }, 14, 14, ReasonTolerance},
		// Mentions alone: at most 2 × 500 = 1,000 → 5 units, not 13.
		{"mentions alone", func(in *Input) { in.WindowMaxRPM = flat(2540); in.DemandNowRPM = 500; in.TrafficConfirms = false }, 5, 5, ReasonMentions},
		{"mentions with an event", func(in *Input) {
			in.WindowMaxRPM = flat(2300)
			in.DemandNowRPM = 500
			in.TrafficConfirms, in.PlannedEvent = false, true
		}, 12, 12, ReasonForecast},
		// Traffic alone already asks for 1,800 → 9.
		{"mentions, but traffic alone asks for more than twice", func(in *Input) {
			in.WindowMaxRPM, in.WithoutMentions = flat(2540), flat(1800)
			in.DemandNowRPM, in.TrafficConfirms = 500, false
		}, 9, 9, ReasonMentions},
		// 4.6 unit-hours left / (69 min = 1.15 h) = 4 above the configured 6.
		{"budget", func(in *Input) {
			in.WindowMaxRPM = flat(2300)
			in.Profile.MaxExtraUnitHoursPerDay, in.ExtraUnitHoursToday = 10, 5.4
		}, 10, 10, ReasonBudget},
		{"budget used up", func(in *Input) {
			in.WindowMaxRPM = flat(2300)
			in.Profile.MaxExtraUnitHoursPerDay, in.ExtraUnitHoursToday = 10, 30
		}, 6, 6, ReasonBudget},
		// 20 for 5 minutes: 10 % of it is 2.
		{"decay", func(in *Input) { in.WindowMaxRPM = flat(640); in.Trail = held(20, 5) }, 18, 18, ReasonFloorDecay},
		{"decay, too early", func(in *Input) { in.WindowMaxRPM = flat(640); in.Trail = held(20, 4) }, 20, 20, ReasonFloorDecay},
		// One of 6 needs 50/6 = 8.3 minutes.
		{"decay of few", func(in *Input) { in.WindowMaxRPM = flat(640); in.Trail = held(6, 8) }, 6, 6, ReasonFloorDecay},
		{"decay of few, later", func(in *Input) { in.WindowMaxRPM = flat(640); in.Trail = held(6, 9); in.DemandNowRPM = 500 }, 5, 5, ReasonFloorDecay},
		// Without a trail: 12:19 → 12:20 passes a 5-minute mark of the clock, 12:18 → 12:19 does not.
		{"decay by the clock", func(in *Input) { in.WindowMaxRPM = flat(640); in.Previous = prev(20, 20, time.Minute) }, 18, 18, ReasonFloorDecay},
		{"decay by the clock, no mark", func(in *Input) {
			in.WindowMaxRPM = flat(640)
			in.Now = start.Add(-time.Minute)
			in.Previous = prev(20, 20, 2*time.Minute)
		}, 20, 20, ReasonFloorDecay},
		{"lower max_units beat decay", func(in *Input) { in.WindowMaxRPM = flat(640); in.Trail = held(20, 0); in.Profile.MaxUnits = 10 }, 10, 10, ReasonMaxUnits},
		{"no forecast", func(in *Input) { in.WindowMaxRPM = flat(math.NaN()); in.DemandNowRPM = 300; in.Trail = held(9, 50) }, 9, 9, ReasonFloorDecay},
		{"no forecast, no past", func(in *Input) { in.WindowMaxRPM = nil; in.DemandNowRPM = 900 }, 5, 5, ReasonMeasured},
		{"demand unknown does not lower", func(in *Input) { in.WindowMaxRPM = flat(300); in.DemandNowRPM = math.NaN(); in.Trail = held(9, 50) }, 9, 9, ReasonFloorDecay},
		{"capacity unknown", func(in *Input) { in.WindowMaxRPM = flat(2540); in.Profile.RPMPerUnit = 0 }, 2, 2, ReasonNoCapacity},
		{"shadow", func(in *Input) { in.WindowMaxRPM = flat(2300); in.Mode = surgecast.ModeShadow }, 2, 12, ReasonShadow},
		{"no mode is shadow", func(in *Input) { in.WindowMaxRPM = flat(2300); in.Mode = "" }, 2, 12, ReasonShadow},
		{"advise", func(in *Input) { in.WindowMaxRPM = flat(2300); in.Mode = surgecast.ModeAdvise }, 2, 12, ReasonAdvise},
		// Demoted while 12 were asked for: 12 for 5 minutes, then ⌊1.2⌋ less.
		{"demoted mid-surge", func(in *Input) {
			in.WindowMaxRPM = flat(2300)
			in.Mode = surgecast.ModeAdvise
			in.Trail = held(12, 5)
		}, 11, 12, ReasonHandingBack},
		{"override", func(in *Input) { in.WindowMaxRPM = flat(2300); in.Override = &surgecast.Override{Units: 3, By: "Ana"} }, 3, 12, ReasonOverride},
		{"override beats limits, freeze and mode", func(in *Input) {
			in.WindowMaxRPM = flat(2300)
			in.Mode, in.Frozen = surgecast.ModeShadow, true
			in.Override = &surgecast.Override{Units: 99, Until: start.Add(time.Hour)}
		}, 99, 12, ReasonOverride},
		{"override at an end", func(in *Input) {
			in.WindowMaxRPM = flat(2300)
			in.Override = &surgecast.Override{Units: 99, Until: start}
		}, 12, 12, ReasonForecast},
		{"frozen", func(in *Input) {
			in.WindowMaxRPM = flat(2300)
			in.Frozen = true
			in.Previous = prev(8, 8, time.Minute)
		}, 8, 12, ReasonFrozen},
		{"frozen from the start", func(in *Input) { in.WindowMaxRPM = flat(2300); in.Frozen = true }, 2, 12, ReasonFrozen},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Profile: nordlicht(), Mode: surgecast.ModeAct, Now: start, DemandNowRPM: 900, TrafficConfirms: true}
			tt.change(&in)
			rec := Recommend(in)
			if rec.Units != tt.units || rec.WouldBeUnits != tt.would || rec.Reason != tt.reason {
				t.Errorf("units %d, would be %d (%s), want %d, %d (%s)", rec.Units, rec.WouldBeUnits, rec.Reason, tt.units, tt.would, tt.reason)
			}
			if rec.Detail == "" || !strings.HasSuffix(rec.Detail, ".") {
				t.Errorf("detail %q is not a sentence", rec.Detail)
			}
		})
	}
}

func TestSequence(t *testing.T) {
	in := Input{Profile: nordlicht(), Mode: surgecast.ModeAct, Now: start, DemandNowRPM: 900, TrafficConfirms: true, WindowMaxRPM: flat(2300)}
	first := Recommend(in)
	in.Previous = &first
	in.Now = start.Add(time.Minute)
	same := Recommend(in)
	in.Previous = &same
	in.WindowMaxRPM = flat(4000)
	in.UnitsNow = 12
	more := Recommend(in)
	if first.Sequence != 1 || same.Sequence != 1 || more.Sequence != 2 || more.PreviousUnits != same.Units {
		t.Errorf("sequences %d %d %d (previous %d), want 1 1 2 (previous %d)", first.Sequence, same.Sequence, more.Sequence, more.PreviousUnits, same.Units)
	}
}

func TestWindow(t *testing.T) {
	// 540 s of lead are 9 minutes, and a decision must do for 60 more; 541 s are 10.
	var asked [][2]int
	in := Input{Profile: nordlicht(), Mode: surgecast.ModeAct, Now: start, DemandNowRPM: 900, TrafficConfirms: true}
	in.WindowMaxRPM = func(from, to int, _ float64) float64 { asked = append(asked, [2]int{from, to}); return 900 }
	if rec := Recommend(in); rec.WindowMinutes != [2]int{9, 69} || asked[0] != [2]int{9, 69} {
		t.Errorf("window %v, asked %v, want 9 to 69", rec.WindowMinutes, asked[0])
	}
	in.Profile.LeadTimeP95Seconds, in.DwellMinutes = 541, 30
	if rec := Recommend(in); rec.WindowMinutes != [2]int{10, 40} {
		t.Errorf("window %v, want 10 to 40", rec.WindowMinutes)
	}
	for _, a := range asked {
		if a[0] < 0 || a[1] > 1440 || a[0] > a[1] {
			t.Errorf("asked for the window %v, beyond what a forecast has", a)
		}
	}
}

// TestPlan: demand needs 13 units until 16:00 UTC and 5 afterwards (12:20 now, quarters of the clock). Steps ask for
// the window until lead + dwell = 69 minutes later, so 13 are held until 16:00 and the fall starts at 16:00 with one: 12;
// 11 and 10 at :05 and :10, 9 at 16:15; 8 after 5.6 minutes at :21, 7 after 6.3 at :28; 6 after 7.2 at :36 and 5 after
// 8.4 at 16:45.
func TestPlan(t *testing.T) {
	in := Input{Profile: nordlicht(), Mode: surgecast.ModeAct, Now: start, DemandNowRPM: 900, TrafficConfirms: true, UnitsNow: 13}
	in.WindowMaxRPM = func(from, _ int, _ float64) float64 {
		if from < 220 { // 16:00
			return 2540
		}
		return 990
	}
	rec := Recommend(in)
	var got []string
	for _, s := range rec.Plan {
		got = append(got, fmt.Sprintf("%s %d", s.At.Format("15:04"), s.Units))
	}
	want := "12:20 13, 16:00 12, 16:15 9, 16:30 7, 16:45 5"
	if strings.Join(got, ", ") != want {
		t.Errorf("plan %s, want %s", strings.Join(got, ", "), want)
	}
}

// TestPlanReachesTheMinimum: 50 requests a minute need one unit. 4 → 3 takes 12.5 minutes, 3 → 2 another 16.7 and 2 → 1
// another 25, each longer than a step of the plan or not a whole number of them; 12 are down to 1 within 2 hours.
//
// Fails when: the plan says at each step that its floor stands since then.
func TestPlanReachesTheMinimum(t *testing.T) {
	for _, units := range []int{2, 3, 4, 6, 9, 12} {
		in := Input{Profile: nordlicht(), Mode: surgecast.ModeAct, Now: start, DemandNowRPM: 50, UnitsNow: units, TrafficConfirms: true, WindowMaxRPM: flat(50)}
		in.Profile.MinUnits = 1
		in.Trail = Trail{{At: start, Answered: units, WouldBe: units, Serving: units}}
		plan := Recommend(in).Plan
		if last := plan[len(plan)-1]; last.Units != 1 || last.At.Sub(start) > 2*time.Hour+planStep {
			t.Errorf("from %d units: %v, want 1 within 2 hours", units, plan)
		}
	}
}

// TestPlanIsWhatWillBeAnswered: a demand that falls in random steps at the quarters, and an autoscaler that follows. At
// every quarter of the next 6 hours the plan says what is answered then, minute by minute.
//
// Fails when: the plan says at each step that its floor stands since then; or takes the demand of a step for the quarter
// before it; or begins with a floor that stands since now; or falls between whole minutes.
func TestPlanIsWhatWillBeAnswered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		profile := surgecast.CapacityProfile{
			Units: 1, RPMPerUnit: 1, MinUnits: rapid.IntRange(0, 3).Draw(t, "min"),
			LeadTimeP95Seconds: 60 * rapid.IntRange(0, 30).Draw(t, "lead"), TargetQuantile: .95,
		}
		units := max(rapid.IntRange(0, 80).Draw(t, "units"), profile.MinUnits)
		now := start.Add(time.Duration(rapid.IntRange(0, 14).Draw(t, "minute")) * time.Minute)
		quarters := make([]float64, 40) // demand from the quarter before now on
		most := float64(units)
		for i := range quarters {
			if rapid.IntRange(0, 4).Draw(t, "falls") == 0 {
				most = float64(rapid.IntRange(0, int(most)).Draw(t, "to"))
			}
			quarters[i] = most
		}
		demand := func(at time.Time) float64 {
			return quarters[min(int(at.Sub(now.Truncate(planStep))/planStep), len(quarters)-1)]
		}
		trail := Trail{{At: now.Add(-time.Duration(rapid.IntRange(0, 60).Draw(t, "stood")) * time.Minute), Answered: units, WouldBe: units, Serving: units}}
		serving := units
		answers := map[time.Time]int{}
		var plan []surgecast.Step
		for at := now; !at.After(now.Add(planSpan)); at = at.Add(time.Minute) {
			rec := Recommend(Input{
				Profile: profile, Mode: surgecast.ModeAct, Now: at, DemandNowRPM: demand(at), UnitsNow: serving, Trail: trail, TrafficConfirms: true,
				WindowMaxRPM: func(from, _ int, _ float64) float64 { return demand(at.Add(time.Duration(from) * time.Minute)) },
			})
			if plan == nil {
				plan = rec.Plan
			}
			answers[at] = rec.Units
			trail = trail.Add(at, rec.Units, rec.WouldBeUnits, serving)
			serving = rec.Units
		}
		planned := units
		for at := now; !at.After(now.Add(planSpan)); at = at.Add(time.Minute) {
			for _, s := range plan {
				if s.At.Equal(at) {
					planned = s.Units
				}
			}
			if (at.Equal(now) || at.Truncate(planStep).Equal(at)) && planned != answers[at] {
				t.Fatalf("%v: %d planned, %d answered; plan %v, demand %v", at, planned, answers[at], plan, quarters)
			}
		}
	})
}

// TestCosts: 6 serve, 12 are asked for all of the 6 hours at .40: 6 · 6 · .40 = 14.40. Demand is 2,200 in every case
// for the hour from 13:00 on and 900 otherwise: 1,000 of 1,200 too many for the quarters that touch it. From the lead (9
// minutes, 12:29) on, quarters begin at minutes 9, 24, 39 …; those that touch minutes 40 … 99 begin at 39, 54, 69, 84, 99
// (to 114), and 24 (to 39) does not: 5 · 15 · 1,000 · .05 = 3,750.
func TestCosts(t *testing.T) {
	in := Input{Profile: nordlicht(), Mode: surgecast.ModeAct, Now: start, DemandNowRPM: 900, TrafficConfirms: true}
	in.Profile.MinUnits = 12
	in.WindowMaxRPM = func(from, to int, _ float64) float64 {
		if from <= 99 && to >= 40 {
			return 2200
		}
		return 900
	}
	rec := Recommend(in)
	if math.Abs(rec.CostActing-14.4) > 1e-9 {
		t.Errorf("acting costs %v, want 14.40", rec.CostActing)
	}
	if math.Abs(rec.CostWaiting-3750) > 1e-6 {
		t.Errorf("waiting costs %v, want 3,750", rec.CostWaiting)
	}
}

// site is a random site with a random past, stepped minute by minute.
type site struct {
	profile surgecast.CapacityProfile
	serving int
	trail   Trail
	prev    *surgecast.Recommendation
}

// TestRules plays random demand, forecasts and measured units through Recommend minute by minute and checks every rule
// on every answer. Making lowestAllowed fall at once, or leaving out any of the caps in wish, fails it.
func TestRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := site{profile: surgecast.CapacityProfile{
			Units: rapid.IntRange(1, 60).Draw(t, "units"), RPMPerUnit: rapid.Float64Range(1, 5000).Draw(t, "rpm"),
			MinUnits: rapid.IntRange(0, 5).Draw(t, "min"), MaxUnits: rapid.SampledFrom([]int{0, 5, 50, 400}).Draw(t, "max"),
			LeadTimeP95Seconds: rapid.IntRange(0, 7200).Draw(t, "lead"), TargetQuantile: .95,
			MaxExtraUnitHoursPerDay: rapid.SampledFrom([]float64{0, 3, 100}).Draw(t, "budget"),
		}}
		s.serving = s.profile.Units
		full := s.profile.RPM()
		type said struct {
			at            time.Time
			answer, floor int
			serving       int
		}
		var past []said
		for i := range rapid.IntRange(1, 90).Draw(t, "minutes") {
			now := start.Add(time.Duration(i) * time.Minute)
			if rapid.IntRange(0, 3).Draw(t, "scaled") == 0 {
				s.serving = rapid.IntRange(1, 80).Draw(t, "serving")
			}
			demand := rapid.SampledFrom([]float64{0, .2, .5, .8, 1, 1.5, 4}).Draw(t, "demand") * full
			forecast := rapid.SampledFrom([]float64{0, .3, .7, 1, 2, 7, math.NaN()}).Draw(t, "forecast") * full
			confirmed := rapid.Bool().Draw(t, "confirmed")
			in := Input{
				Profile: s.profile, Mode: surgecast.ModeAct, Now: now, DemandNowRPM: demand, UnitsNow: s.serving,
				Previous: s.prev, Trail: s.trail, WindowMaxRPM: flat(forecast), TrafficConfirms: confirmed,
			}
			rec := Recommend(in)
			max, min := s.profile.MaxUnits, s.profile.MinUnits
			if max == 0 {
				max = surgecast.MaxUnitsCounted
			}
			if rec.WouldBeUnits != rec.Units {
				t.Fatalf("in mode act %d units and would-be %d differ", rec.Units, rec.WouldBeUnits)
			}
			if rec.Units > max || rec.Units < min && min <= max {
				t.Fatalf("%d units, allowed %d to %d", rec.Units, min, max)
			}
			measured, _ := s.profile.UnitsFor(demand)
			if rec.Units < measured && rec.Units != max {
				t.Fatalf("%d units (%s), but demand measured now needs %d", rec.Units, rec.Reason, measured)
			}
			if rise := rec.Units - s.serving; rise > 0 && rise*10 <= s.serving {
				switch rec.Reason {
				case ReasonFloorDecay, ReasonHandingBack, ReasonMaxUnits, ReasonMinUnits, ReasonDoubling, ReasonBudget:
				default:
					t.Fatalf("%d units instead of %d (%s): within the autoscaler's tolerance", rec.Units, s.serving, rec.Reason)
				}
			}
			// In any 5 minutes: not under 90 % of any earlier answer (a unit at a time below 10, each after its
			// own wait), not over double the least that was in force.
			low := s.serving
			if n := len(past); n > 0 {
				low = maxInt(low, past[n-1].floor)
			}
			for j := len(past) - 1; j >= 0; j-- {
				p := past[j]
				inForce := now.Sub(p.at) < 5*time.Minute || j+1 < len(past) && now.Sub(past[j+1].at) < 5*time.Minute
				if !inForce {
					break
				}
				low = minInt(low, maxInt(p.floor, p.serving))
				if now.Sub(p.at) < 5*time.Minute && rec.Units < p.answer && rec.Units != max {
					step := maxInt(p.answer/10, 1)
					if rec.Units < p.answer-step {
						t.Fatalf("fell from %d to %d in %v (%s)", p.answer, rec.Units, now.Sub(p.at), rec.Reason)
					}
				}
			}
			low = maxInt(maxInt(low, min), 1)
			if n := len(past); rec.Units > 2*low && rec.Units > measured && rec.Units != min &&
				!(n > 0 && rec.Units <= past[n-1].floor) {
				t.Fatalf("%d units (%s): more than double the %d in force in the last 5 minutes", rec.Units, rec.Reason, low)
			}
			if n := len(past); !confirmed && n > 0 && rec.Units > past[n-1].floor && rec.Units > min {
				twice, _ := s.profile.UnitsFor(2 * demand)
				limit := maxInt(twice, measured)
				if rec.Units > maxInt(limit, beyondTolerance(limit, s.serving)) {
					t.Fatalf("%d units (%s) on mentions alone with %d measured", rec.Units, rec.Reason, measured)
				}
			}
			if n := len(past); math.IsNaN(forecast) && n > 0 && rec.Units < past[n-1].floor && rec.Units != max {
				t.Fatalf("fell from %d to %d without a forecast", past[n-1].floor, rec.Units)
			}
			if len(rec.Plan) == 0 || rec.Plan[0].Units != rec.Units || !rec.Plan[0].At.Equal(now) {
				t.Fatalf("plan %v does not begin with the answer %d", rec.Plan, rec.Units)
			}
			past = append(past, said{now, rec.Units, rec.WouldBeUnits, s.serving})
			s.trail = s.trail.Add(now, rec.Units, rec.WouldBeUnits, s.serving)
			if len(s.trail) > 70 {
				t.Fatalf("the trail grew to %d points", len(s.trail))
			}
			s.prev = &rec
		}
	})
}

// TestActGoesOnFromWhatRan: a forecast asks for 20 units while 300 requests a minute, 2 units, arrive. Whatever would have
// been, the answer goes on from the 2 that were answered and served: 4, then 8 five minutes later, …
//
// Fails when: inForce is WouldBe in every mode (20 at once, or 10).
func TestActGoesOnFromWhatRan(t *testing.T) {
	ago := func(minutes int) time.Time { return start.Add(-time.Duration(minutes) * time.Minute) }
	for _, tt := range []struct {
		name  string
		trail Trail
		units int
	}{
		{"shadow before", Trail{{At: ago(30), Answered: 2, WouldBe: 20, Serving: 2}}, 4},
		{"shadow before, on the way up", Trail{{At: ago(30), Answered: 2, WouldBe: 10, Serving: 2}, {At: ago(6), Answered: 2, WouldBe: 20, Serving: 2}}, 4},
		{"act since a minute", Trail{{At: ago(30), Answered: 2, WouldBe: 20, Serving: 2}, {At: ago(1), Answered: 4, WouldBe: 4, Serving: 2}}, 4},
		{"act since 5 minutes", Trail{{At: ago(30), Answered: 2, WouldBe: 20, Serving: 2}, {At: ago(5), Answered: 4, WouldBe: 4, Serving: 2}}, 8},
		{"an override to 3 before", Trail{{At: ago(30), Answered: 3, WouldBe: 20, Serving: 3}}, 6},
		{"its autoscaler ran 7 in shadow", Trail{{At: ago(30), Answered: 2, WouldBe: 20, Serving: 7}}, 14},
	} {
		in := Input{Profile: nordlicht(), Mode: surgecast.ModeAct, Now: start, DemandNowRPM: 300, UnitsNow: tt.trail[len(tt.trail)-1].Serving, WindowMaxRPM: flat(4000), TrafficConfirms: true, Trail: tt.trail}
		if rec := Recommend(in); rec.Units != tt.units || rec.WouldBeUnits != tt.units || rec.Reason != ReasonDoubling {
			t.Errorf("%s: units %d, would be %d (%s), want %d (%s)", tt.name, rec.Units, rec.WouldBeUnits, rec.Reason, tt.units, ReasonDoubling)
		}
	}
	// What would have been keeps its own course where it is only shown, and what arrives now is served whatever ran.
	in := Input{Profile: nordlicht(), Now: start, DemandNowRPM: 300, UnitsNow: 2, WindowMaxRPM: flat(4000), TrafficConfirms: true}
	in.Trail = Trail{{At: ago(30), Answered: 2, WouldBe: 10, Serving: 2}}
	if rec := Recommend(in); rec.Units != 2 || rec.WouldBeUnits != 20 {
		t.Errorf("in shadow: units %d, would be %d, want 2 and 20", rec.Units, rec.WouldBeUnits)
	}
	in.Mode, in.DemandNowRPM = surgecast.ModeAct, 4000
	if rec := Recommend(in); rec.Units != 20 {
		t.Errorf("4,000 arrive: %d units, want 20", rec.Units)
	}
}

// TestAnswersAtMostDouble plays modes, overrides and freezes at random, minute by minute. An answer in mode act is at most
// twice the least that ran in the 5 minutes before it (answered, serving or min_units, whichever is most), or what demand
// measured now needs.
//
// Fails when: inForce is WouldBe in every mode.
func TestAnswersAtMostDouble(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		profile := surgecast.CapacityProfile{Units: 2, RPMPerUnit: 1, MinUnits: rapid.IntRange(0, 3).Draw(t, "min"), TargetQuantile: .95}
		mode, serving := surgecast.ModeShadow, 2
		var trail Trail
		var prev *surgecast.Recommendation
		var ran []int // by minute
		var override *surgecast.Override
		frozen := false
		for i := range rapid.IntRange(1, 90).Draw(t, "minutes") {
			switch rapid.IntRange(0, 19).Draw(t, "change") {
			case 0:
				mode = rapid.SampledFrom([]surgecast.Mode{surgecast.ModeShadow, surgecast.ModeAdvise, surgecast.ModeAct}).Draw(t, "mode")
			case 1:
				override = &surgecast.Override{Units: rapid.IntRange(0, 60).Draw(t, "override")}
			case 2:
				override = nil
			case 3:
				frozen = !frozen
			case 4:
				serving = rapid.IntRange(1, 20).Draw(t, "serving")
			}
			in := Input{
				Profile: profile, Mode: mode, Now: start.Add(time.Duration(i) * time.Minute), UnitsNow: serving,
				DemandNowRPM: float64(rapid.IntRange(0, 10).Draw(t, "demand")), WindowMaxRPM: flat(float64(rapid.IntRange(0, 60).Draw(t, "forecast"))),
				TrafficConfirms: true, Trail: trail, Previous: prev, Override: override, Frozen: frozen,
			}
			rec := Recommend(in)
			if n := len(ran); n > 0 && mode == surgecast.ModeAct && override == nil && !frozen {
				low := max(serving, prev.Units)
				for _, u := range ran[max(n-5, 0):] {
					low = min(low, u)
				}
				low = max(low, profile.MinUnits)
				measured, _ := profile.UnitsFor(in.DemandNowRPM)
				if rec.Units > max(2*low, 1, measured, prev.Units) {
					t.Fatalf("minute %d: %d units (%s), %d ran least in 5 minutes, %d answered before", i, rec.Units, rec.Reason, low, prev.Units)
				}
			}
			ran = append(ran, max(rec.Units, serving))
			trail = trail.Add(in.Now, rec.Units, rec.WouldBeUnits, serving)
			prev = &rec
		}
	})
}

// TestFloorComesDown: when a surge is over the floor reaches what is needed again, within the time the pace takes: it
// does not hang on a tolerance, a tick or a trail.
func TestFloorComesDown(t *testing.T) {
	for _, withTrail := range []bool{true, false} {
		in := Input{Profile: nordlicht(), Mode: surgecast.ModeAct, Now: start, DemandNowRPM: 900, TrafficConfirms: true, WindowMaxRPM: flat(7900), UnitsNow: 20}
		rec := Recommend(in)
		if rec.Units != 40 {
			t.Fatalf("units %d at the top, want 40", rec.Units)
		}
		var trail Trail
		trail = trail.Add(in.Now, rec.Units, rec.WouldBeUnits, 20)
		in.WindowMaxRPM = flat(900)
		minutes := 0
		for rec.Units > 5 {
			minutes++
			if minutes > 240 {
				t.Fatalf("with trail %v: still at %d after 4 hours", withTrail, rec.Units)
			}
			prev := rec
			in.Previous = &prev
			in.Now = start.Add(time.Duration(minutes) * time.Minute)
			in.UnitsNow = rec.Units // the autoscaler follows
			if withTrail {
				in.Trail = trail
			}
			rec = Recommend(in)
			if rec.Units > prev.Units {
				t.Fatalf("with trail %v: rose from %d to %d while coming down", withTrail, prev.Units, rec.Units)
			}
			trail = trail.Add(in.Now, rec.Units, rec.WouldBeUnits, in.UnitsNow)
		}
		// 40 → 36 → 33 → 30 → 27 → 25 → 23 → 21 → 19 → 18 → … → 10: 18 steps of 5 min; 10 → 9 in 5, then 5.6, 6.3, 7.2, 8.4: 117 min and some rounding to minutes.
		if minutes < 90 || minutes > 140 {
			t.Errorf("with trail %v: down from 40 to 5 in %d minutes, want some 120", withTrail, minutes)
		}
	}
}

func minInt(a, b int) int { return min(a, b) }
func maxInt(a, b int) int { return max(a, b) }
