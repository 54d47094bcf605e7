package risk

import (
	"testing"
	"time"

	"surgecast"
)

// trail is what verdicts showed: a chance of a window from a minute of the afternoon on.
func trail(said ...Said) []Said {
	var out []Said
	for _, s := range said {
		out = Remember(out, surgecast.Verdict{ShownPercent: s.Shown, ShownValue: s.Value, Horizon: s.Horizon}, s.At)
	}
	return out
}

// Fails when: was compares any two windows, takes the entry after the time it names, or says what moved by less than ten points.
func TestWasSaysWhatWasSaid(t *testing.T) {
	now := on(14, 12)
	for name, tt := range map[string]struct {
		said []Said
		want string
	}{
		"it rose":                     {trail(Said{on(13, 40), "20 %", 20, 60}, Said{on(13, 48), "35 %", 35, 60}, Said{on(13, 52), "50 %", 50, 60}), "Was 35 % at 13:50."},
		"it fell":                     {trail(Said{on(13, 30), "80 %", 80, 60}), "Was 80 % at 13:50."},
		"hardly moved":                {trail(Said{on(13, 30), "55 %", 55, 60}), ""},
		"rose from a longer window":   {trail(Said{on(13, 30), "2 %", 2, 360}), "Was 2 % at 13:50."},
		"rose, the window is longer":  {trail(Said{on(13, 30), "2 %", 2, 30}), ""},
		"fell, the window is shorter": {trail(Said{on(13, 30), "80 %", 80, 360}), ""},
		"fell from a shorter window":  {trail(Said{on(13, 30), "80 %", 80, 30}), "Was 80 % at 13:50."},
		"named no chance then":        {trail(Said{on(13, 30), "20 %", 20, 60}, Said{on(13, 45), "", 0, 0}, Said{on(13, 55), "30 %", 30, 60}), ""},
		"there was none then":         {trail(Said{on(13, 51), "20 %", 20, 60}), ""},
	} {
		f := forecastAt(now, surgecast.StateAlert, .05, .15, .3, .6, .7, .8, .8, .8)
		fa := factsAt(now, f)
		fa.Forecast.ActBy = on(14, 41) // still ahead: else the sentence names another chance
		fa.Said = tt.said
		v := Say(fa)
		if v.ShownPercent != "60 %" || v.Horizon != 60 {
			t.Fatalf("the verdict shows %s in %d minutes, want 60 %% in 60", v.ShownPercent, v.Horizon)
		}
		if v.Was != tt.want {
			t.Errorf("%s: %q, want %q", name, v.Was, tt.want)
		}
	}
}

// An overload is no chance any more, and past the act-by the sentence names the chance of the lead time.
//
// Fails when: was does not look for its chance in the sentence.
func TestWasIsOfTheChanceInTheSentence(t *testing.T) {
	now := on(14, 20)
	for _, state := range []surgecast.State{surgecast.StateAlert, surgecast.StateOver} {
		f := factsAt(now, forecastAt(now, state, .3, .45, .5, .55, .6, .7, .7, .7))
		f.Forecast.DemandRPM = 1480
		f.Said = trail(Said{At: on(13, 50), Shown: "5 %", Value: 5, Horizon: 60})
		if v := Say(f); v.ShownPercent == "" || v.Was != "" {
			t.Errorf("%s: %q %q of %s", v.Headline, v.Sentence, v.Was, v.ShownPercent)
		}
	}
}

// Fails when: Remember keeps what is shown again or drops the entry that was in force an hour ago.
func TestRememberIsShort(t *testing.T) {
	var said []Said
	for i := range 300 {
		value := float64(10 * (i / 4 % 3)) // each is shown four minutes
		said = Remember(said, surgecast.Verdict{ShownPercent: sharePercent(value / 100), ShownValue: value, Horizon: 60}, on(8, 0).Add(time.Duration(i)*time.Minute))
		if len(said) > 17 {
			t.Fatalf("after %d minutes %d are kept", i, len(said))
		}
	}
	last := said[len(said)-1].At
	if first := said[0].At; last.Sub(first) < saidKept {
		t.Errorf("from %v to %v is less than an hour", first, last)
	}
}
