package model_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"surgecast/model"
)

// kickOffs is a site with 300 visits a minute, no season, and a known effect of each event: visits are
// multiplied by 1 + size from the start on for two hours.
func kickOffs(days int, sizes map[int]float64, plan func(d *model.Driven)) (f model.Forecast, ahead func(minute int) *model.Forecast) {
	d := model.NewDriven(model.Config{
		StepSeconds: 60, Location: time.UTC, Leads: []int{1, 5, 15, 30, 60}, Levels: []float64{.1, .5, .9},
		Horizons: []int{15, 60}, Sustain: 1, Full: true,
	}, nil)
	plan(d)
	rng := rand.New(rand.NewPCG(5, 5))
	m := 0
	return f, func(until int) *model.Forecast {
		for ; m < min(until, days*1440); m++ {
			mean := 300.
			for start, size := range sizes {
				if m >= start && m < start+120 {
					mean *= 1 + size
				}
			}
			d.Step(talkStart+int64(m)*60, model.Obs{Value: count(rng, mean, 80)}, nil)
		}
		d.Forecast(&f)
		return &f
	}
}

// An event that was never seen is expected by its shape: half an hour into a match 1.5 × the usual 300
// visits, 450, are expected half an hour before the kick-off. Fails when Plan forgets the shape.
func TestAnEventIsExpectedByItsKind(t *testing.T) {
	start := 3*1440 + 600
	for _, c := range []struct {
		word string
		want float64
	}{{"match", 450}, {"no such word", 300}} {
		_, ahead := kickOffs(4, nil, func(d *model.Driven) {
			at := int64(talkStart + start*60)
			d.Plan(model.Event{Start: at, End: at + 7200, Announced: talkStart, Shape: model.ShapeOf(c.word)})
		})
		got := ahead(start - 30).Q[4][1]
		t.Logf("%q: %.0f visits expected 30 minutes into it", c.word, got)
		if math.Abs(got/c.want-1) > .1 {
			t.Errorf("%q: %.0f visits expected, want about %.0f", c.word, got, c.want)
		}
	}
}

// After three matches that doubled the visits a fourth triples them. Before it 600 are expected; ten minutes
// in, five minutes ahead, at least 700, and twenty-five minutes in half an hour
// ahead as well. Fails when the size of an event under way is left at 1 (676 and 624).
func TestTheActualSizeOfAnEventTakesOver(t *testing.T) {
	sizes := map[int]float64{}
	var starts []int
	for k := range 4 {
		starts = append(starts, (3+k)*1440+600)
		sizes[starts[k]] = 1
	}
	sizes[starts[3]] = 2
	_, ahead := kickOffs(7, sizes, func(d *model.Driven) {
		for _, s := range starts {
			at := int64(talkStart + s*60)
			d.Plan(model.Event{Start: at, End: at + 7200, Announced: talkStart, Shape: model.ShapeMatch})
		}
	})
	before := ahead(starts[3] - 15).Q[3][1]
	soon := ahead(starts[3] + 10).Q[1][1]
	later := ahead(starts[3] + 25).Q[3][1]
	t.Logf("15 minutes in, said before: %.0f; 15 minutes in, said 10 minutes in: %.0f; 55 minutes in, said 25 minutes in: %.0f", before, soon, later)
	if before < 480 || before > 720 {
		t.Errorf("%.0f visits expected after three that brought 600", before)
	}
	if soon < 700 || later < 700 {
		t.Errorf("%.0f and %.0f visits expected of an event that brings 900", soon, later)
	}
}

// An event that is announced after an origin changes nothing at that origin, bit by bit; one announced
// before does. Fails when Announced is not looked at.
func TestAnEventAnnouncedLaterChangesNothingBefore(t *testing.T) {
	start, origin := 3*1440+600, 3*1440+580
	run := func(announced int64) []float64 {
		_, ahead := kickOffs(4, nil, func(d *model.Driven) {
			if announced > 0 {
				at := int64(talkStart + start*60)
				d.Plan(model.Event{Start: at, End: at + 7200, Announced: announced, Shape: model.ShapeSale})
			}
		})
		f := ahead(origin)
		var all []float64
		for _, q := range append(f.Q, f.MaxQ...) {
			all = append(all, q...)
		}
		return all
	}
	without, later, known := run(0), run(talkStart+int64(origin)*60), run(talkStart+60)
	differ := false
	for i := range without {
		if math.Float64bits(without[i]) != math.Float64bits(later[i]) {
			t.Fatalf("figure %d: %g with an event announced after the origin, %g without", i, later[i], without[i])
		}
		differ = differ || without[i] != known[i]
	}
	if !differ {
		t.Error("an event announced before the origin changed nothing")
	}
}

// An events file may write a kind with spaces, hyphens or underscores.
func TestShapesHaveNames(t *testing.T) {
	for word, want := range map[string]model.EventShape{
		"sale": model.ShapeSale, "TV_spot": model.ShapeTVSpot, "on sale": model.ShapeOnSale, "Breaking-Story": model.ShapeBreaking,
		"push": model.ShapePush, "celebrity post": model.ShapeCelebrity, "announcement": model.ShapeAnnouncement,
		"newsletter": model.ShapeNewsletter, "match": model.ShapeMatch, "": model.ShapeUnknown, "wedding": model.ShapeUnknown,
	} {
		if got := model.ShapeOf(word); got != want {
			t.Errorf("ShapeOf(%q) = %d, want %d", word, got, want)
		}
	}
}
