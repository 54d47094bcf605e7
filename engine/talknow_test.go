package engine

import (
	"math"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// What is said of a topic now comes from its stored counts: that it doubles every 12 minutes while it does, how it falls
// after the peak, and that neither can be told of a jump a minute old; the check hears the same growth.
//
// Fails when: TalkNow, or spoken.add, does not ask the model for Doubling; SayMotion keeps quiet above the usual.
func TestTalkNowSaysHowItMoves(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, more func(k int) float64, steps int) (surgecast.TalkNow, surgecast.CheckAnswer) {
		p := newPlace(t, nil)
		p.talked(60)
		var rows []surgecast.MentionMinute
		const calm = 2 * 1440
		for i := range calm + steps {
			y := quiet(31, i, 20)
			if i >= calm {
				y += more(i - calm)
			}
			rows = append(rows, surgecast.MentionMinute{Minute: minute(i), Raw: math.Round(y)})
		}
		p.mentions(rows...)
		now := minute(calm + steps).Add(10 * time.Second)
		said, err := TalkNow(t.Context(), p.st, p.topic, now)
		p.ok(err)
		c, err := Check(t.Context(), p.st, surgecast.CheckQuestion{Site: p.site, Topic: p.topic}, nil, nil, now)
		p.ok(err)
		if said.Source != "feed" || !said.At.Equal(minute(calm+steps-1)) {
			t.Errorf("told of %q at %s", said.Source, said.At)
		}
		return said, c
	}
	t.Run("growing", func(t *testing.T) {
		said, c := run(t, func(k int) float64 { return 20 * (math.Exp2(float64(k)/12) - 1) }, 40)
		if math.Abs(said.DoublingMinutes-12) > 2 || !strings.HasPrefix(said.Sentence, "Mentions double every 1") || !(math.Abs(c.DoublingMinutes-12) < 2) {
			t.Errorf("%+v; check: doubling in %v", said, c.DoublingMinutes)
		}
	})
	t.Run("falling", func(t *testing.T) {
		said, _ := run(t, func(k int) float64 { return 4000 * math.Pow(math.Max(float64(k), .8), -.6) }, 45)
		if said.Decay != "viral" || said.Sentence != "Talk fades slowly: people pass it on." {
			t.Errorf("%+v", said)
		}
	})
	t.Run("just begun", func(t *testing.T) {
		said, _ := run(t, func(k int) float64 { return 300 / float64(k*k+1) }, 4)
		if said.Sentence != "Cannot tell yet how fast it grows or fades." && !strings.HasPrefix(said.Sentence, "Mentions double") {
			t.Errorf("%+v", said)
		}
	})
	t.Run("calm", func(t *testing.T) {
		if said, c := run(t, nil, 0); said.Sentence != "" || !math.IsNaN(c.DoublingMinutes) || math.Abs(said.TimesUsual-1) > .5 {
			t.Errorf("%+v, check: doubling in %v", said, c.DoublingMinutes)
		}
	})
}
