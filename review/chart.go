package review

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// chart is what the pictures of the page are drawn from.
type chart struct {
	s        *series
	from, to int
	bands    map[int]band
	bandLead int
}

// points is how many places a picture has for a line: at 960 px wide, one a pixel is enough.
const points = 720

// plot is one picture: a frame, a linear scale from 0, and the layers drawn so far.
type plot struct {
	strings.Builder
	r          *Report
	from, to   int // positions in the series
	top        float64
	w, h       float64
	left, base float64
}

func (r *Report) newPlot(from, to int, top, height float64) *plot {
	p := &plot{r: r, from: from, to: max(to, from+1), top: top, w: 960, h: height, left: 64, base: height - 28}
	if !(p.top > 0) {
		p.top = 1
	}
	return p
}

func (p *plot) x(i float64) float64 {
	return p.left + (p.w-p.left-110)*(i-float64(p.from))/float64(p.to-p.from)
}

func (p *plot) y(v float64) float64 { return p.base - (p.base-14)*min(1, max(0, v/p.top)) }

// frame draws grid, axes and labels: five levels, and times by the length of the stretch.
func (p *plot) frame(unit string) {
	step := niceStep(p.top / 4)
	for v := 0.0; v <= p.top; v += step {
		fmt.Fprintf(p, `<path class="grid" d="M%.1f %.1fH%.1f"/><text class="tick" x="%.1f" y="%.1f" text-anchor="end">%s</text>`,
			p.left, p.y(v), p.x(float64(p.to)), p.left-6, p.y(v)+4, count(v))
	}
	fmt.Fprintf(p, `<text class="tick" x="4" y="10">%s</text>`, unit)
	gap, format := ticks(p.to - p.from)
	for t := p.r.in(p.r.chart.s.time(p.from)); ; {
		i := p.r.chart.s.at(t)
		if i > p.to {
			break
		}
		local := p.r.in(t)
		if i >= p.from && (local.Hour()*60+local.Minute())%gap == 0 {
			label := local.Format(format)
			if gap < minutesPerDay && local.Hour() == 0 && local.Minute() == 0 {
				label = local.Format("2 Jan")
			}
			fmt.Fprintf(p, `<path class="grid" d="M%.1f %.1fv4"/><text class="tick" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`,
				p.x(float64(i)), p.base, p.x(float64(i)), p.base+18, label)
		}
		t = t.Add(time.Duration(15-local.Minute()%15) * time.Minute) // quarter hours: every zone's midnight is one
	}
}

// ticks is the spacing of the time axis in minutes, and how its labels read.
func ticks(span int) (gap int, format string) {
	switch {
	case span <= 4*60:
		return 30, "15:04"
	case span <= 12*60:
		return 60, "15:04"
	case span <= 30*60:
		return 180, "15:04"
	case span <= 3*minutesPerDay:
		return 720, "15:04"
	}
	return minutesPerDay, "2 Jan"
}

// niceStep is the smallest of 1, 2, 2.5, 5 × a power of ten that is at least x.
func niceStep(x float64) float64 {
	if !(x > 0) {
		return 1
	}
	e := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if m*e >= x {
			return m * e
		}
	}
	return 10 * e
}

// cells walks the stretch in at most points cells; f gets the cell's minutes [a, b).
func (p *plot) cells(f func(a, b int)) {
	n := max(1, (p.to-p.from+points-1)/points)
	for a := p.from; a < p.to; a += n {
		f(a, min(a+n, p.to))
	}
}

// tallest is the position of the highest known minute in [a, b), -1 when none is known: a peak must not be
// thinned away.
func (p *plot) tallest(a, b int) int {
	best := -1
	for i := a; i < b; i++ {
		if v := p.r.chart.s.requests[i]; !math.IsNaN(v) && (best < 0 || v > p.r.chart.s.requests[best]) {
			best = i
		}
	}
	return best
}

// actual draws what came; a gap is a break, never a line across and never zero.
func (p *plot) actual() {
	var d strings.Builder
	pen := "M"
	p.cells(func(a, b int) {
		i := p.tallest(a, b)
		if i < 0 {
			pen = "M"
			return
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", pen, p.x(float64(i)), p.y(p.r.chart.s.requests[i]))
		pen = "L"
	})
	fmt.Fprintf(p, `<path class="actual" d="%s"/>`, d.String())
}

// fan draws the bands as forecast, at the minutes the line is drawn at, so that both can be compared.
func (p *plot) fan() {
	type at struct {
		x float64
		b band
	}
	var run []at
	flush := func() {
		if len(run) > 1 {
			for _, layer := range []struct {
				class  string
				lo, hi func(band) float64
			}{
				{"b95", func(b band) float64 { return b.lo95 }, func(b band) float64 { return b.hi95 }},
				{"b50", func(b band) float64 { return b.lo50 }, func(b band) float64 { return b.hi50 }},
			} {
				var up, down strings.Builder
				for k := range run {
					fmt.Fprintf(&up, "L%.1f %.1f", run[k].x, p.y(layer.hi(run[k].b)))
					q := run[len(run)-1-k]
					fmt.Fprintf(&down, "L%.1f %.1f", q.x, p.y(layer.lo(q.b)))
				}
				fmt.Fprintf(p, `<path class="%s" d="M%sZ"/>`, layer.class, up.String()[1:]+down.String())
			}
			var mid strings.Builder
			for _, a := range run {
				fmt.Fprintf(&mid, "L%.1f %.1f", a.x, p.y(a.b.mid))
			}
			fmt.Fprintf(p, `<path class="median" d="M%s"/>`, mid.String()[1:])
		}
		run = run[:0]
	}
	p.cells(func(a, b int) {
		i := p.tallest(a, b)
		if i < 0 {
			i = a
		}
		f, ok := p.r.chart.bands[i]
		if !ok || math.IsNaN(f.lo95) || math.IsNaN(f.hi95) || math.IsNaN(f.lo50) || math.IsNaN(f.hi50) {
			flush()
			return
		}
		run = append(run, at{p.x(float64(i)), f})
	})
	flush()
}

// level draws a horizontal line with its label at the right end.
func (p *plot) level(class string, v float64, label string) {
	fmt.Fprintf(p, `<path class="%s" d="M%.1f %.1fH%.1f"/><text class="label" x="%.1f" y="%.1f">%s</text>`,
		class, p.left, p.y(v), p.x(float64(p.to)), p.x(float64(p.to))+6, p.y(v)+4, escape(label))
}

// steps draws a rule's units as a step line; in a thinned picture each cell shows its highest.
func (p *plot) steps(class string, units []int, offset int) (lastY float64) {
	var d strings.Builder
	drawn, end := -1, p.from // the units the pen stands at, and up to where they hold
	p.cells(func(a, b int) {
		v := -1
		for i := a; i < b; i++ {
			if k := i - offset; k >= 0 && k < len(units) {
				v = max(v, units[k])
			}
		}
		if v < 0 {
			return
		}
		end = b
		if v == drawn {
			return
		}
		lastY = p.y(float64(v))
		if drawn < 0 {
			fmt.Fprintf(&d, "M%.1f %.1f", p.x(float64(a)), lastY)
		} else {
			fmt.Fprintf(&d, "H%.1fV%.1f", p.x(float64(a)), lastY)
		}
		drawn = v
	})
	fmt.Fprintf(&d, "H%.1f", p.x(float64(end)))
	if drawn >= 0 {
		fmt.Fprintf(p, `<path class="%s" d="%s"/>`, class, d.String())
	}
	return lastY
}

// flag marks a moment.
func (p *plot) flag(class string, t time.Time, label string, row int) {
	i := t.Sub(p.r.chart.s.start).Minutes()
	if i < float64(p.from) || i > float64(p.to) {
		return
	}
	fmt.Fprintf(p, `<path class="%s" d="M%.1f 14V%.1f"/><text class="label" x="%.1f" y="%.1f">%s</text>`,
		class, p.x(i), p.base, p.x(i)+3, 24+14*float64(row), escape(label))
}

// svg closes the picture. what is read out in its place.
func (p *plot) svg(what string) string {
	return fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s"><title>%s</title>%s</svg>`, p.w, p.h, escape(what), escape(what), p.String())
}

// overview draws the whole stretch: what came over the band as forecast when there was still time to act.
func (r *Report) overview() string {
	c := &r.chart
	if c.s == nil || c.to <= c.from {
		return ""
	}
	return r.trafficPlot(c.from, c.to, 260, nil).svg(fmt.Sprintf("What came, over the forecast made %s before", span(c.bandLead)))
}

func (r *Report) trafficPlot(from, to int, height float64, e *Episode) *plot {
	c := &r.chart
	top := r.Site.CapacityRPM
	for i := from; i < to; i++ {
		if v := c.s.requests[i]; v > top {
			top = v
		}
	}
	p := r.newPlot(from, to, 1.15*top, height)
	p.fan()
	p.frame("requests a minute")
	if r.Site.CapacityRPM > 0 {
		p.level("capacity", r.Site.CapacityRPM, "capacity")
	}
	p.actual()
	if e != nil {
		if e.WatchAt != nil {
			p.flag("said", *e.WatchAt, "watch", 0)
		}
		if e.AlertAt != nil {
			p.flag("said", *e.AlertAt, "alert", 1)
		}
		if e.ActBy != nil {
			p.flag("actby", *e.ActBy, "act by", 2)
		}
	}
	return p
}

// unitsPlot draws the units every rule paid for.
func (r *Report) unitsPlot(from, to int) string {
	c := &r.chart
	top := 1
	for _, x := range r.Rules {
		for i := from; i < to; i++ {
			if k := i - c.from; k >= 0 && k < len(x.wanted) {
				top = max(top, x.wanted[k])
			}
		}
	}
	p := r.newPlot(from, to, 1.1*float64(top), 180)
	p.frame("units")
	type label struct {
		y    float64
		name string
	}
	var labels []label
	for k := len(r.Rules) - 1; k >= 0; k-- { // ours last, on top
		x := &r.Rules[k]
		labels = append(labels, label{p.steps(ruleClass(x.Rule), x.wanted, c.from) + 4, x.Rule})
	}
	// Labels that would collide move down; if the last one leaves the picture, all of them move up.
	slices.SortStableFunc(labels, func(a, b label) int { return cmp.Compare(a.y, b.y) })
	for i := 1; i < len(labels); i++ {
		labels[i].y = max(labels[i].y, labels[i-1].y+13)
	}
	for i := len(labels) - 1; i >= 0; i-- {
		lowest := p.base + 4 - 13*float64(len(labels)-1-i)
		labels[i].y = min(labels[i].y, lowest)
		fmt.Fprintf(p, `<text class="label %s-label" x="%.1f" y="%.1f">%s</text>`, ruleClass(labels[i].name), p.x(float64(p.to))+6, labels[i].y, escape(labels[i].name))
	}
	return p.svg("Units paid for by each rule")
}

func ruleClass(name string) string {
	switch name {
	case Ours:
		return "r-ours"
	case reactive{}.name():
		return "r-reactive"
	case lastDay{}.name():
		return "r-lastday"
	case (*static)(nil).name():
		return "r-static"
	}
	return "r-configured"
}
