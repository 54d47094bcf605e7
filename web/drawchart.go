package web

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// The drawn chart's size in its own units; the page scales it to its width.
const (
	chartWidth, chartHeight = 960.0, 380.0
	chartLeft, chartRight   = 62.0, 190.0
	chartTop, chartBottom   = 30.0, 30.0
	dotPitch                = 10.0
	plotRight               = chartWidth - chartRight
	plotBottom              = chartHeight - chartBottom
	wordsWidth              = 70.0
	maxSpan                 = 8 * 24 * time.Hour
	maxLevel                = 1e12
	maxBoundOverReference   = 3.0 // a bound beyond is cut and said in words
	headroomOverCapacity    = 1.15
	headroomOverDots        = 1.25
	headroomOverObserved    = 1.05
)

// chartOf draws the fan chart as an SVG whose colours are the page's classes, so one drawing serves
// light, dark and print. Everything in it is a number made here or a word escaped here. It is hidden
// from screen readers: the sentence and the table are its twin.
func chartOf(r *riskDoc, f *forecastDoc, c *capacityDoc) string {
	if len(f.History) == 0 && len(f.Points) == 0 {
		return ""
	}
	d := &drawing{zone: zoneOf(f.TimeZone), from: f.Now, to: f.Now}
	for _, h := range f.History {
		d.span(h.At)
	}
	for _, p := range f.Points {
		d.span(p.At)
	}
	// A day each way is the most the API sends; far beyond it, drawing tick by tick would never end.
	if span := d.to.Sub(d.from); span <= 0 || span > maxSpan {
		return ""
	}
	capacity := f.capacityAt(f.Now)
	index := boundIndex(f.Levels)
	bound, seen := 0.0, 0.0
	for _, p := range f.Points {
		for _, b := range []int{5, 6} {
			if q := quantile(p.Quantiles, index[b]); !math.IsNaN(q) {
				bound = max(bound, q)
			}
		}
	}
	for _, h := range f.History {
		if h.Requests != nil {
			seen = max(seen, *h.Requests)
		}
	}
	d.top = max(headroomOverCapacity*capacity, headroomOverObserved*seen, 1)
	reference := max(capacity, seen)
	// The recommended capacity is shown where that does not press the rest flat.
	if r := c.Recommendation; r != nil && r.ServesRPM != nil && r.WouldBeUnits != c.UnitsNow {
		if want := *r.ServesRPM; want <= maxBoundOverReference*reference {
			d.top = max(d.top, 1.06*want)
		}
	}
	cut := reference > 0 && bound > maxBoundOverReference*reference
	if cut {
		d.top = max(d.top, maxBoundOverReference*reference)
	} else {
		d.top = max(d.top, 1.02*bound)
	}

	// The highest dots stand above capacity: a few rows of them must fit under the edge.
	if n := len(r.PeakDots); n > 0 && r.Verdict.ShownValue >= 5 && capacity > 0 {
		d.top = max(d.top, min(1.02*r.PeakDots[n-1], headroomOverDots*capacity))
	}

	if !(d.top <= maxLevel) { // not a number of requests
		return ""
	}

	d.f(`<svg class="fan%s" viewBox="0 0 %g %g" aria-hidden="true">`, map[bool]string{true: " stale"}[r.Stale], chartWidth, chartHeight)
	d.axes()
	d.bands(f, index)
	d.capacity(f, c)
	d.history(f)
	d.marks(r, f)
	if cut {
		d.text(plotRight-6, chartTop+14, "end", "note", "▲ 19 of 20 reaches "+grouped(roundUp2(bound)))
	}
	if capacity > 0 {
		words := "capacity " + grouped(capacity)
		if c.UnitsNow > 0 {
			words += fmt.Sprintf(" (%d units)", c.UnitsNow)
		}
		d.text(chartLeft+6, d.y(capacity)-7, "start", "capacityword", words)
		if r.Verdict.ShownValue >= 5 && len(r.PeakDots) > 0 {
			d.peaks(r, capacity)
		}
	}
	d.b.WriteString("</svg>")
	return d.b.String()
}

// roundUp2 rounds up to two digits.
func roundUp2(x float64) float64 {
	if x <= 0 {
		return x
	}
	unit := math.Pow(10, max(0, math.Floor(math.Log10(x))-1))
	return math.Ceil(x/unit-1e-9) * unit
}

func quantile(q []*float64, i int) float64 {
	if i < 0 || i >= len(q) || q[i] == nil {
		return math.NaN()
	}
	return *q[i]
}

type drawing struct {
	b        strings.Builder
	zone     *time.Location
	from, to time.Time
	top      float64
}

func (d *drawing) f(format string, args ...any) { fmt.Fprintf(&d.b, format, args...) }

func (d *drawing) span(t time.Time) {
	if t.Before(d.from) {
		d.from = t
	}
	if t.After(d.to) {
		d.to = t
	}
}

func (d *drawing) x(t time.Time) float64 {
	return chartLeft + (plotRight-chartLeft)*t.Sub(d.from).Seconds()/d.to.Sub(d.from).Seconds()
}

func (d *drawing) y(level float64) float64 {
	return plotBottom - (plotBottom-chartTop)*min(level, d.top)/d.top
}

func (d *drawing) text(x, y float64, anchor, class, words string) {
	d.f(`<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`, x, y, anchor, class, html.EscapeString(words))
}

func (d *drawing) line(x1, y1, x2, y2 float64, class string) {
	d.f(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>`, x1, y1, x2, y2, class)
}

func (d *drawing) axes() {
	for _, v := range levelTicks(d.top) {
		d.line(chartLeft, d.y(v), plotRight, d.y(v), "grid")
		d.text(chartLeft-8, d.y(v)+4, "end", "tick", grouped(v))
	}
	step := 12 * time.Hour
	for _, minutes := range []int{5, 10, 15, 30, 60, 120, 180, 240, 360} {
		s := time.Duration(minutes) * time.Minute
		if (plotRight-chartLeft)*s.Seconds()/d.to.Sub(d.from).Seconds() >= 70 {
			step = s
			break
		}
	}
	// Wall-clock multiples are looked for minute by minute, so a clock change moves no tick.
	for t := d.from.Truncate(5 * time.Minute); !t.After(d.to); t = t.Add(5 * time.Minute) {
		l := t.In(d.zone)
		if t.Before(d.from) || (time.Duration(l.Hour())*time.Hour+time.Duration(l.Minute())*time.Minute)%step != 0 {
			continue
		}
		d.line(d.x(t), plotBottom, d.x(t), plotBottom+4, "tickmark")
		if x := d.x(t); x > chartLeft+12 && x < plotRight-16 {
			words := l.Format("15:04")
			if words == "00:00" {
				words = l.Format("Mon 2 Jan")
			}
			d.text(x, plotBottom+19, "middle", "tick", words)
		}
	}
	d.text(plotRight+8, plotBottom+19, "start", "tick", d.to.In(d.zone).Format("MST"))
}

// levelTicks are round numbers from 0, three to six of them above it.
func levelTicks(top float64) []float64 {
	finest := top / 6.2
	magnitude := math.Pow(10, math.Floor(math.Log10(finest)))
	step := 10 * magnitude
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*magnitude >= finest {
			step = m * magnitude
			break
		}
	}
	var out []float64
	for v := 0.0; v <= top*1.0001; v += step {
		out = append(out, v)
	}
	return out
}

func (d *drawing) bands(f *forecastDoc, index [7]int) {
	type band struct {
		low, high int
		class     string
		words     string
	}
	var ends []bandEnd
	for _, b := range []band{{0, 6, "band95", "19 of 20"}, {1, 5, "band80", "4 of 5"}, {2, 4, "band50", "half"}} {
		var upper, lower []string
		for _, p := range f.Points {
			lo, hi := quantile(p.Quantiles, index[b.low]), quantile(p.Quantiles, index[b.high])
			if math.IsNaN(lo) || math.IsNaN(hi) {
				continue
			}
			upper = append(upper, fmt.Sprintf("%.1f %.1f", d.x(p.At), d.y(hi)))
			lower = append(lower, fmt.Sprintf("%.1f %.1f", d.x(p.At), d.y(lo)))
		}
		if len(upper) < 2 {
			continue
		}
		for i, j := 0, len(lower)-1; i < j; i, j = i+1, j-1 {
			lower[i], lower[j] = lower[j], lower[i]
		}
		d.f(`<path class="%s" d="M%s L%s Z"/>`, b.class, strings.Join(upper, " L"), strings.Join(lower, " L"))
		last := f.Points[len(f.Points)-1].Quantiles
		inner := quantile(last, index[b.high-1])
		if b.words == "half" {
			inner = quantile(last, index[b.low])
		}
		if outer := quantile(last, index[b.high]); !math.IsNaN(outer) && !math.IsNaN(inner) {
			ends = append(ends, bandEnd{(d.y(outer) + d.y(inner)) / 2, b.words})
		}
	}
	var median []string
	for _, p := range f.Points {
		if q := quantile(p.Quantiles, index[3]); !math.IsNaN(q) {
			median = append(median, fmt.Sprintf("%.1f %.1f", d.x(p.At), d.y(q)))
		}
	}
	if len(median) > 1 {
		d.f(`<path class="median" d="M%s"/>`, strings.Join(median, " L"))
	}
	for _, e := range apart(ends, chartTop+8, plotBottom-2, 17) {
		d.text(plotRight+6, e.y+4, "start", "bandword", e.words)
	}
}

type bandEnd struct {
	y     float64
	words string
}

// apart pushes labels, sorted from the top, at least gap from each other and inside top and bottom.
func apart(ends []bandEnd, top, bottom, gap float64) []bandEnd {
	floor := top - gap
	for i := range ends {
		ends[i].y = max(ends[i].y, floor+gap)
		floor = ends[i].y
	}
	ceiling := bottom + gap
	for i := len(ends) - 1; i >= 0; i-- {
		ends[i].y = min(ends[i].y, ceiling-gap)
		ceiling = ends[i].y
	}
	return ends
}

func (d *drawing) steps(class string, from time.Time, first float64, at []time.Time, level []float64) {
	var b strings.Builder
	y := d.y(first)
	fmt.Fprintf(&b, "M%.1f %.1f", d.x(from), y)
	for i, t := range at {
		if !t.After(from) || t.After(d.to) {
			continue
		}
		fmt.Fprintf(&b, " H%.1f", d.x(t))
		y = d.y(level[i])
		fmt.Fprintf(&b, " V%.1f", y)
	}
	fmt.Fprintf(&b, " H%.1f", plotRight)
	d.f(`<path class="casing" d="%s"/><path class="%s" d="%s"/>`, b.String(), class, b.String())
}

func (d *drawing) capacity(f *forecastDoc, c *capacityDoc) {
	if r := c.Recommendation; r != nil && r.ServesRPM != nil && r.WouldBeUnits != c.UnitsNow {
		level := *r.ServesRPM
		var at []time.Time
		var levels []float64
		for i, s := range r.Plan {
			if s.ServesRPM == nil {
				continue // so many units are never planned where it is not known what they serve
			}
			if i == 0 {
				level = *s.ServesRPM
			}
			at, levels = append(at, s.At), append(levels, *s.ServesRPM)
		}
		d.steps("recommended", f.Now, level, at, levels)
	}
	if f.capacityAt(d.from) <= 0 {
		return
	}
	var at []time.Time
	var levels []float64
	for _, s := range f.steps() {
		at, levels = append(at, s.at), append(levels, s.rpm)
	}
	d.steps("capacity", d.from, f.capacityAt(d.from), at, levels)
}

// history is a line that breaks where minutes are missing: a gap is neither zero nor drawn across.
func (d *drawing) history(f *forecastDoc) {
	for _, g := range f.Gaps {
		a, b := d.x(maxTime(g.From, d.from)), d.x(minTime(g.To, d.to))
		if b <= a {
			continue
		}
		d.f(`<path class="hatch" d="`)
		for x := a; x < b; x += 6 {
			d.f("M%.1f %.1fL%.1f %.1f", x, plotBottom, min(b, x+12), plotBottom-min(12, b-x))
		}
		d.f(`"/>`)
		if b-a > 14 {
			l := func(t time.Time) string { return t.In(d.zone).Format("15:04") }
			d.text(min(max((a+b)/2, chartLeft+70), plotRight-70), plotBottom-18, "middle", "note", "no data "+l(g.From)+"–"+l(g.To))
		}
	}
	pen, open := false, false
	for _, h := range f.History {
		if h.Requests == nil || d.inGap(f, h.At) {
			pen = false
			continue
		}
		if !open {
			d.f(`<path class="observed" d="`)
			open = true
		}
		d.f("%s%.1f %.1f", map[bool]string{true: "L", false: "M"}[pen], d.x(h.At), d.y(*h.Requests))
		pen = true
	}
	if open {
		d.f(`"/>`)
	}
}

func (d *drawing) inGap(f *forecastDoc, t time.Time) bool {
	for _, g := range f.Gaps {
		if !t.Before(g.From) && t.Before(g.To) {
			return true
		}
	}
	return false
}

func (d *drawing) marks(r *riskDoc, f *forecastDoc) {
	now := d.x(f.Now)
	late := r.ActBy != nil && r.ActBy.Before(f.Now)
	d.line(now, chartTop, now, plotBottom, "now")
	if late { // the flag of a past act-by hangs on the other side
		d.text(now+5, chartTop-8, "start", "nowword", "now")
	} else {
		d.text(now-5, chartTop-8, "end", "nowword", "now")
	}
	if r.ActBy == nil || r.ActBy.Before(d.from) || r.ActBy.After(d.to) {
		return
	}
	x := d.x(*r.ActBy)
	d.line(x, chartTop, x, plotBottom, "casing")
	d.line(x, chartTop, x, plotBottom, "actby")
	d.f(`<path class="flag" d="M%.1f %.1fh10l-5 8z"/>`, x-5, chartTop-8)
	words := "act by " + r.ActBy.In(d.zone).Format("15:04")
	if late {
		d.text(x-8, chartTop-8, "end", "actbyword", words)
	} else {
		d.text(x+8, chartTop-8, "start", "actbyword", words)
	}
}

// peaks are 20 equally likely highest levels beside the plot, on its own scale: filled over capacity,
// hollow below. Rows are counted from the capacity line, so none holds dots from both sides.
func (d *drawing) peaks(r *riskDoc, capacity float64) {
	left, yc := plotRight+wordsWidth, d.y(capacity)
	d.line(left, yc, chartWidth, yc, "capacity")
	over := r.over()
	rows := map[int]int{}
	for i := len(r.PeakDots) - 1; i >= 0; i-- { // the dots come rising
		y := d.y(r.PeakDots[i])
		up := len(r.PeakDots)-1-i < over
		k := int(max(0, math.Floor(math.Abs(yc-y)/dotPitch)))
		if (up && y > yc) || (!up && y < yc) {
			k = 0 // a dot within one step of the line stands on the side the sentence counts it on
		}
		if up {
			k = min(k, int(max(0, math.Floor((yc-chartTop)/dotPitch)-1))) // beyond the edge they stand beside each other
		}
		class, row, cy := "dot", -1-k, yc+(float64(k)+.5)*dotPitch
		if up {
			class, row, cy = "dot over", k, yc-(float64(k)+.5)*dotPitch
		}
		cx := left + (float64(rows[row])+.5)*dotPitch
		rows[row]++
		d.f(`<circle class="%s" cx="%.1f" cy="%.1f" r="3.75"/>`, class, cx, cy)
	}
	until := r.begins().Add(time.Duration(r.Verdict.HorizonMinutes) * time.Minute).In(d.zone).Format("15:04")
	d.text(chartWidth, chartTop-8, "end", "tick", "peak until "+until)
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
