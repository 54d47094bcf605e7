package review

import (
	"testing"
	"time"

	"surgecast"
)

func TestTalkPeaks(t *testing.T) {
	var k Talk
	k.Topic, k.StepSeconds = "aapl", 300
	const n = 1000 // 5-minute buckets, 3.5 days
	step := 5 * time.Minute
	for i := range n {
		x := 10.
		switch i {
		case 200:
			x = 500
		case 260: // 5 h later: the same peak's shoulder
			x = 400
		case 600:
			x = 90
		}
		k.Buckets = append(k.Buckets, surgecast.MentionBucket{Minute: day.Add(time.Duration(i) * step), Raw: x, Missing: i == 50})
	}
	bucket := func(i int) time.Time { return day.Add(time.Duration(i) * step) }
	said := func(i int, from, to surgecast.State) {
		k.Transitions = append(k.Transitions, surgecast.SurgeTransition{SurgeID: "srg_1", IssuedAt: bucket(i), From: from, To: to})
	}
	said(190, surgecast.StateCalm, surgecast.StateWatch)  // 50 minutes before the peak
	said(198, surgecast.StateWatch, surgecast.StateAlert) // 10 minutes before
	said(270, surgecast.StateAlert, surgecast.StateCalm)
	said(603, surgecast.StateCalm, surgecast.StateAlert) // a quarter of an hour after the second began
	k.Surges = []surgecast.Surge{{ID: "srg_1", OpenedAt: bucket(190), PeakAt: bucket(200), Peak: 500, ClosedAt: bucket(270)}}

	r := k.judge(time.Time{}, time.Time{})
	if r.Missing != 1 || r.Median != 10 || len(r.Peaks) != 2 || len(r.Opened) != 1 {
		t.Fatalf("%+v, want 1 missing, median 10, two peaks (the shoulder of 400 is the first's), 1 surge", r)
	}
	first, second := r.Peaks[0], r.Peaks[1]
	if !first.At.Equal(bucket(200)) || first.Usual != 50 || first.OpenedMinutes != 50 || first.AlertMinutes != 10 || first.State != surgecast.StateAlert {
		t.Errorf("first peak %+v, want ×50, opened 50 and alerted 10 minutes before", first)
	}
	if !second.At.Equal(bucket(600)) || second.AlertMinutes != -15 || second.State != surgecast.StateCalm {
		t.Errorf("second peak %+v, want it calm, noticed 15 minutes after", second)
	}
	if r.Opened[0].ClosedAt == nil || r.Opened[0].AlertAt != nil {
		t.Errorf("surge %+v: closed, and never alerted by its own record", r.Opened[0])
	}
}

// What lies before the replayed stretch was learned from, not judged.
func TestTalkIsJudgedInside(t *testing.T) {
	k := Talk{Topic: "x", StepSeconds: 60}
	for i := range 100 {
		k.Buckets = append(k.Buckets, surgecast.MentionBucket{Minute: at(i), Raw: float64(100 - i)})
	}
	k.Surges = []surgecast.Surge{{ID: "srg_1", OpenedAt: at(5)}, {ID: "srg_2", OpenedAt: at(60)}}
	r := k.judge(at(50), at(90))
	if r.Buckets != 40 || r.Surges != 1 || r.Opened[0].ID != "srg_2" || !r.Peaks[0].At.Equal(at(50)) || !r.To.Equal(at(90)) {
		t.Errorf("%+v, want 40 buckets from minute 50, its peak there, and the second surge", r)
	}
	// 1 … 100: the median is that of all that is known, 50.5.
	near(t, "median", r.Median, 50.5)
}

func TestPlayCountsWhatWasLost(t *testing.T) {
	// Units 1 of 100, lead time 2 minutes, a rule that asks for 3 at the end of minute 1.
	p := surgecast.CapacityProfile{Units: 1, MinUnits: 1, MaxUnits: 5, RPMPerUnit: 100, LeadTimeP95Seconds: 120, SustainMinutes: 1, CostIdleUnitHour: 6, CostLostRequest: .5}
	s := newSeries(1)
	s.start = day
	for _, x := range []float64{50, 90, 150, 250, 250, 50} {
		s.push(x, false)
	}
	eps := episodes(s, 0, 6, 100)
	r := play(ledger{asks: map[int]int{1: 3}}, s, 0, 6, p, eps)
	// Ordered at the end of 1, serving from 1 + 1 + 2 = 4. Minute 2: 150 − 100 = 50 lost, minute 3: 150 lost.
	if r.MinutesOver != 2 || r.LostRequests != 200 || r.PeakUnits != 3 {
		t.Errorf("%+v, want 2 minutes over, 200 lost, 3 units", r)
	}
	// Paid: 1 1 3 3 3 3 = 14 unit-minutes.
	near(t, "unit-hours", Number(r.UnitHours), 14./60)
	near(t, "cost", r.Cost, 14./60*6+200*.5)
	// Kept 1,400; the least that could: max(x, 100) = 100 + 100 + 150 + 250 + 250 + 100 = 950.
	near(t, "5:1", r.CostRatios[0].Ratio, (1400+5*200)/950.)
	near(t, "100:1", r.CostRatios[2].Ratio, (1400+100*200)/950.)
	// Asked at the end of minute 1, which is the start of the first minute over: no warning, not carried.
	near(t, "warning", r.MedianWarning, 0)
	if r.Carried != 0 || r.Episodes != 1 {
		t.Errorf("carried %d of %d, want 0 of 1", r.Carried, r.Episodes)
	}
	early := play(ledger{asks: map[int]int{0: 3}}, s, 0, 6, p, eps)
	// One minute earlier: serving from 3, so only minute 2 is over, and the warning is one minute. The request
	// stands from the first minute played, but it was made in it.
	if early.MinutesOver != 1 || early.LostRequests != 50 {
		t.Errorf("%+v, want 1 minute over, 50 lost", early)
	}
}

// The warning for a second breach starts after the first has ended: having stood high all along is not foresight.
func TestWarningOfARuleStartsAfterTheBreachBefore(t *testing.T) {
	p := profile() // 2 units of 100, lead time 3 minutes
	s := flat(200)
	for _, i := range []int{50, 120} {
		s.requests[i], s.z[i] = 250, 250
	}
	eps := episodes(s, 0, 200, 200)
	r := play(ledger{asks: map[int]int{40: 3}}, s, 0, 200, p, eps)
	if len(r.Warnings) != 2 {
		t.Fatalf("warnings %v, want two", r.Warnings)
	}
	near(t, "first", r.Warnings[0], 9)   // asked at the end of minute 40: 50 − 41
	near(t, "second", r.Warnings[1], 68) // the first ended with minute 50: 120 − 51, and one minute of it is gone
	if r.Carried != 2 {
		t.Errorf("carried %d, want both", r.Carried)
	}
}
