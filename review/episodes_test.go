package review

import (
	"testing"
	"time"

	"surgecast"
)

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func at(minute int) time.Time { return day.Add(time.Duration(minute) * time.Minute) }

// flat is n minutes of 50 requests, with sustain 1 and the given minutes at 150.
func flat(n int, over ...int) *series {
	s := newSeries(1)
	s.start = day
	for range n {
		s.push(50, false)
	}
	for _, i := range over {
		s.requests[i], s.z[i] = 150, 150
	}
	return s
}

func TestEpisodesMergeWithinHalfAnHour(t *testing.T) {
	eps := episodes(flat(300, 100, 101, 131, 162), 0, 300, 100)
	// 131 is 30 minutes after 101: the same; 162 is 31 after 131: another.
	if len(eps) != 2 {
		t.Fatalf("%d episodes, want 2: %+v", len(eps), eps)
	}
	e := eps[0]
	if !e.From.Equal(at(100)) || !e.To.Equal(at(132)) || e.MinutesOver != 3 || e.PeakRPM != 150 {
		t.Errorf("first episode %+v, want minutes 100 to 132, 3 over", e)
	}
}

func TestSustainIsAMean(t *testing.T) {
	s := newSeries(3)
	s.start = day
	for _, x := range []float64{90, 90, 130, 90, 90} { // one minute over, the mean of three never: 310/3 = 103.3
		s.push(x, false)
	}
	if eps := episodes(s, 0, 5, 104); len(eps) != 0 {
		t.Errorf("one minute over became an episode: %+v", eps)
	}
	// 103.33 at minutes 2, 3 and 4 is over 103.
	if eps := episodes(s, 0, 5, 103); len(eps) != 1 || eps[0].first != 2 || eps[0].MinutesOver != 3 {
		t.Errorf("episodes = %+v, want one of minutes 2 to 4", eps)
	}
}

func rise(minute int, from, to surgecast.State) surgecast.SurgeTransition {
	return surgecast.SurgeTransition{SurgeID: "srg_1", At: at(minute - 1), IssuedAt: at(minute), From: from, To: to}
}

func TestWarning(t *testing.T) {
	const calm, watch, alert, over, recovery = surgecast.StateCalm, surgecast.StateWatch, surgecast.StateAlert, surgecast.StateOver, surgecast.StateRecovery
	type want struct {
		warned       bool
		watch, alert float64 // −1: none
		late         float64
	}
	tests := []struct {
		name  string
		said  []surgecast.SurgeTransition
		since int
		want  want
	}{
		{"nothing said", nil, 0, want{false, -1, -1, -1}},
		{"watch then alert", []surgecast.SurgeTransition{rise(60, calm, watch), rise(80, watch, alert)}, 0, want{true, 40, 20, -1}},
		{"at once", []surgecast.SurgeTransition{rise(90, calm, alert)}, 0, want{true, 10, 10, -1}},
		{"fell asleep in between", []surgecast.SurgeTransition{rise(20, calm, alert), rise(50, alert, calm), rise(95, calm, watch)}, 0, want{true, 5, -1, -1}},
		{"stood down to watch", []surgecast.SurgeTransition{rise(20, calm, alert), rise(50, alert, watch)}, 0, want{true, 80, -1, -1}},
		{"recovery is not a warning", []surgecast.SurgeTransition{rise(10, calm, over), rise(40, over, recovery)}, 30, want{false, -1, -1, -1}},
		{"what was said of the episode before", []surgecast.SurgeTransition{rise(10, calm, alert)}, 70, want{true, 30, 30, -1}},
		{"in the first minute over", []surgecast.SurgeTransition{rise(100, calm, alert)}, 0, want{false, -1, -1, 0}},
		{"five minutes late", []surgecast.SurgeTransition{rise(105, calm, over)}, 0, want{false, -1, -1, 5}},
		{"after all was over", []surgecast.SurgeTransition{rise(120, calm, over)}, 0, want{false, -1, -1, -1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := episodes(flat(200, 100, 101, 102, 103, 104, 105, 106), 0, 200, 100)[0]
			var since time.Time
			if tt.since > 0 {
				since = at(tt.since)
			}
			e.warn(tt.said, since)
			got := want{e.Warned, orMinus(e.WatchMinutes), orMinus(e.AlertMinutes), orMinus(e.DetectedLate)}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func orMinus(n Number) float64 {
	if !n.Known() {
		return -1
	}
	return float64(n)
}

func TestToldIsWhenAReceiverAccepted(t *testing.T) {
	e := episodes(flat(200, 100), 0, 200, 100)[0]
	e.warn([]surgecast.SurgeTransition{rise(60, surgecast.StateCalm, surgecast.StateWatch)}, time.Time{})
	body := []byte(`{"data":{"surge_id":"srg_1"}}`)
	e.told([]surgecast.Delivery{
		{Type: surgecast.TypeSurgeOpened, Body: []byte(`{"data":{"surge_id":"srg_2"}}`), Status: surgecast.DeliveryDelivered, DoneAt: at(61)}, // another surge
		{Type: surgecast.TypeSurgeOpened, Body: body, Status: surgecast.DeliveryFailed, DoneAt: at(62)},                                       // nobody heard it
		{Type: surgecast.TypeRecommendationChanged, Body: body, Status: surgecast.DeliveryDelivered, DoneAt: at(63)},
		{Type: surgecast.TypeSurgeOpened, Body: body, Status: surgecast.DeliveryDelivered, DoneAt: at(64).Add(10 * time.Second)},
	})
	// Accepted 35 min 50 s before: 35 whole minutes.
	if e.ToldAt == nil || e.ToldMinutes != 35 {
		t.Errorf("told %v minutes before (%v), want 35", e.ToldMinutes, e.ToldAt)
	}
}

func TestActByInTime(t *testing.T) {
	e := episodes(flat(200, 100), 0, 200, 100)[0]
	e.warn([]surgecast.SurgeTransition{rise(60, surgecast.StateCalm, surgecast.StateWatch), rise(80, surgecast.StateWatch, surgecast.StateAlert)}, time.Time{})
	rows := []row{
		{issued: at(61), actBy: at(70), horizons: []int{60}, risk: []float64{.15}},
		{issued: at(80), actBy: at(91), horizons: []int{30, 60}, risk: []float64{.2, .5}},
		{issued: at(95), actBy: at(96), horizons: []int{60}, risk: []float64{.9}},
	}
	e.advise(rows, 9*time.Minute)
	if e.ActBy == nil || !e.ActBy.Equal(at(91)) || !*e.ActByInTime {
		t.Errorf("act by %v in time %v, want 01:31 as given with the alert; 91 + 9 = 100 is just in time", e.ActBy, e.ActByInTime)
	}
	near(t, "chance one lead time before", e.ChanceBefore, .5) // the row of minute 80: that of 95 is after 100 − 9
	e.ActBy = nil
	e.advise(rows, 10*time.Minute)
	if *e.ActByInTime {
		t.Errorf("91 + 10 = 101 called in time for a breach at 100")
	}
}

func TestAlarms(t *testing.T) {
	s := flat(600, 100, 101)
	eps := episodes(s, 0, 600, 100)
	said := []surgecast.SurgeTransition{
		rise(60, surgecast.StateWatch, surgecast.StateAlert),     // 40 minutes before: followed
		rise(101, surgecast.StateRecovery, surgecast.StateAlert), // while over
		rise(200, surgecast.StateCalm, surgecast.StateAlert),     // nothing comes: false
		rise(210, surgecast.StateOver, surgecast.StateAlert),     // not a rise
		rise(590, surgecast.StateCalm, surgecast.StateAlert),     // the data end: open
		rise(30, surgecast.StateCalm, surgecast.StateAlert),      // 70 minutes before, it spoke of 60: false
	}
	a := alarms(s, said, eps, at(0), at(600), 100, func(time.Time) int { return 60 })
	if a.Alerts != 5 || a.Followed != 1 || a.During != 1 || a.False != 2 || a.Open != 1 {
		t.Errorf("alarms %+v, want 5 alerts: 1 followed, 1 during, 2 false, 1 open", a)
	}
	near(t, "highest that came", a.FalseAlarms[0].PeakRPM, 50)
	// 10 hours are 10/168 of a week: 2 false are 33.6 a week.
	near(t, "false a week", a.FalsePerWeek, 33.6)
}

func TestReactiveAlarmControl(t *testing.T) {
	s := flat(200, 100)
	for i := 90; i < 100; i++ {
		s.requests[i], s.z[i] = 80, 80 // over 70 of 100
	}
	s.z[40] = 80 // an earlier minute that did not stand
	e := episodes(s, 0, 200, 100)[0]
	e.control(s, 0, 100)
	// Minute 90 is known at its end: 100 − 91 = 9.
	near(t, "reactive alarm", e.ReactiveAlarm, 9)
}
