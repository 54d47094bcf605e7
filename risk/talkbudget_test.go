package risk

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"surgecast"
	"surgecast/model"
)

// chatter is what is said of a topic nobody makes a fuss about: a day's and a week's course, an intensity that
// wanders by a fifth within hours, and counts that are more dispersed than chance alone makes them. bursts adds one
// every week: ten times the usual within a quarter of an hour, gone after two hours.
func chatter(r *rand.Rand, mean float64, step int, weeks int, bursts bool) (counts []float64, starts []int) {
	perDay := 86400 / step
	wander := 0.
	burst := 0.
	for i := range weeks * 7 * perDay {
		day := float64(i) / float64(perDay)
		wander += -wander*float64(step)/10800 + .2*math.Sqrt(2*float64(step)/10800)*r.NormFloat64()
		usual := mean * math.Exp(.6*math.Sin(2*math.Pi*day)-.2*math.Floor(math.Mod(day, 7)/5))
		if at := i - perDay*10; bursts && at > 0 && at%(7*perDay) == 0 {
			burst = 10
			starts = append(starts, i)
		}
		burst *= math.Exp(-float64(step) / 3600)
		rate := usual * (math.Exp(wander) + burst)
		// Negative binomial of size 5: a gamma mixture of Poisson counts.
		g := 0.
		for range 5 {
			g += r.ExpFloat64() / 5
		}
		counts = append(counts, math.Max(0, math.Round(rate*g+math.Sqrt(rate*g)*r.NormFloat64())))
	}
	return counts, starts
}

// opened are the buckets in which episodes open, as the engine would judge them.
func opened(counts []float64, step int) (at []int) {
	series, alarm := model.NewTopic(step), model.NewAlarm(step)
	var m Machine
	level := counts[0]
	for i, y := range counts {
		unix := int64(i * step)
		usual := series.Usual(unix)
		series.Step(unix, model.Obs{Value: y, Damp: m.State == surgecast.StateAlert})
		severity, emit := alarm.Step(y)
		level += (1 - math.Exp(-float64(step)/300)) * (y - level)
		was := m.Open
		m, _ = NextTalk(m, TalkEvidence{
			At: time.Unix(unix, 0).UTC(), Step: time.Duration(step) * time.Second, Severity: severity, Emit: emit && severity > 0,
			Level: level, Count: y, Usual: usual, Spread: series.Spread(),
		})
		if m.Open && !was {
			at = append(at, i)
		}
	}
	return at
}

// Topics in which nothing happens open at most one episode a week, over sizes and buckets; a tenfold burst is found
// within a quarter of an hour.
//
// Fails when: talkSevere answers 0 (an episode for every highest count of a day).
func TestTalkKeepsItsBudget(t *testing.T) {
	t.Parallel()
	const weeks = 6
	total := 0.
	for _, c := range []struct {
		step int
		mean float64
	}{{60, .1}, {60, 3}, {60, 60}, {300, .5}, {300, 15}, {300, 300}, {3600, 40}} {
		r := rand.New(rand.NewPCG(uint64(c.step), uint64(c.mean*10)))
		false1, found, all, topics := 0, 0, 0, 4
		for range topics {
			counts, _ := chatter(r, c.mean, c.step, weeks, false)
			false1 += len(opened(counts, c.step))
			counts, starts := chatter(r, c.mean, c.step, weeks, true)
			at := opened(counts, c.step)
			all += len(starts)
			for _, s := range starts {
				for _, a := range at {
					if a >= s && (a-s)*c.step <= 900 {
						found++
						break
					}
				}
			}
		}
		rate := float64(false1) / float64(topics*weeks)
		t.Logf("step %d s, mean %g: %.2f false episodes a week, %d of %d bursts", c.step, c.mean, rate, found, all)
		total += rate / 7
		// Ten times nothing is nothing; and two hours are two buckets of an hour.
		if c.mean >= 3 && c.step < 3600 && found < all*9/10 {
			t.Errorf("step %d s, mean %g: %d of %d bursts found", c.step, c.mean, found, all)
		}
	}
	if total > 1 {
		t.Errorf("%.2f false episodes a topic-week, budget 1", total)
	}
}
