package review

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"surgecast"
)

func TestGapIsABreakInTheLine(t *testing.T) {
	b := NewBuilder(Options{Site: testSite()})
	for _, i := range []int{0, 1, 2, 8, 9} {
		if err := b.Minute(surgecast.TrafficMinute{Minute: at(i), Requests: 50}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := b.Report()
	if err != nil {
		t.Fatal(err)
	}
	svg := r.overview()
	_, line, ok := strings.Cut(svg, `class="actual" d="`)
	if !ok {
		t.Fatal("no line of what came")
	}
	line, _, _ = strings.Cut(line, `"`)
	// Two strokes, of three and of two minutes: one pen down and two lines, one pen down and one line.
	if m, l := strings.Count(line, "M"), strings.Count(line, "L"); m != 2 || l != 3 {
		t.Errorf("%d strokes with %d lines, want 2 with 3: %s", m, l, line)
	}
}

func TestPicturesAreWellFormed(t *testing.T) {
	r := build(t, recording(2, 3))
	pictures := []string{r.overview(), r.unitsPlot(r.chart.from, r.chart.to)}
	for _, f := range r.episodeFigures() {
		pictures = append(pictures, "<g>"+string(f.SVG)+"</g>")
	}
	if len(pictures) < 3 {
		t.Fatal("no picture of an episode")
	}
	for i, p := range pictures {
		d := xml.NewDecoder(strings.NewReader(p))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("picture %d: %v", i, err)
			}
		}
	}
}

func TestNiceStep(t *testing.T) {
	for x, want := range map[float64]float64{0: 1, 1: 1, 1.2: 2, 2.4: 2.5, 3: 5, 7: 10, 42000: 50000} {
		if got := niceStep(x); got != want {
			t.Errorf("niceStep(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestLabelsDoNotCollide(t *testing.T) {
	r := build(t, recording(2, 3))
	for name, units := range map[string]int{"all at the top": 8, "all at the bottom": 0} {
		for i := range r.Rules {
			for k := range r.Rules[i].wanted {
				r.Rules[i].wanted[k] = units
			}
		}
		svg := r.unitsPlot(r.chart.from, r.chart.to)
		var ys []float64
		for _, m := range regexp.MustCompile(`-label" x="[0-9.]+" y="(-?[0-9.]+)"`).FindAllStringSubmatch(svg, -1) {
			y, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			ys = append(ys, y)
		}
		slices.Sort(ys)
		if len(ys) != len(r.Rules) || ys[0] < 10 || ys[len(ys)-1] > 180 {
			t.Errorf("%s: labels at %v, want %d inside the picture", name, ys, len(r.Rules))
		}
		for i := 1; i < len(ys); i++ {
			if ys[i]-ys[i-1] < 12 {
				t.Errorf("%s: labels at %v collide", name, ys)
			}
		}
	}
}
