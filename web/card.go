package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	imagedraw "image/draw"
	"image/png"
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// The card's size: what chats and social networks show whole.
const (
	cardWidth, cardHeight = 1200, 630
	cardEdge              = 56.0
	cardRight             = cardWidth - cardEdge
)

// cardOf draws a site's verdict as a picture for a chat: a PNG, because previews of links show no SVG. The words are
// the server's, the figures the documents', and what is simulated says so in the picture itself.
func cardOf(doc []byte) ([]byte, error) {
	var in struct {
		Risk     *riskDoc     `json:"risk"`
		Forecast *forecastDoc `json:"forecast"`
		Capacity *capacityDoc `json:"capacity"`
	}
	if err := json.Unmarshal(doc, &in); err != nil {
		return nil, fmt.Errorf("reading the site's documents: %w", err)
	}
	r, f := in.Risk, in.Forecast
	if r == nil {
		return nil, fmt.Errorf("reading the site's documents: there is no risk document")
	}
	if f == nil {
		f = &forecastDoc{Now: r.Now, Origin: r.Origin, TimeZone: "UTC"}
	}
	if r.expired() {
		f.Points, r.PeakDots = nil, nil
	}
	c, err := newCanvas()
	if err != nil {
		return nil, err
	}
	look := lookOf(r.State)
	c.fill(image.Rect(0, 0, cardWidth, cardHeight), surface)
	c.fill(image.Rect(0, 0, 14, cardHeight), tones[look.tone])

	// State and site, on one line.
	x := c.badge(look, cardEdge, 62)
	simulated := r.Simulated || f.Simulated || r.Verdict.Simulated
	room := cardRight - x - 24
	if simulated {
		const words = "Simulated"
		w := c.width(words, regular, 26)
		c.frame(cardRight-w-32, 36, w+32, 40, unknown)
		c.text(words, regular, 26, cardRight-w-16, 65, ink)
		room -= w + 56
	}
	c.text(c.cut(r.Name, bold, 30, room), bold, 30, x+24, 65, ink)

	y := 138.0
	for _, l := range c.wrap(r.Verdict.Headline, bold, 56, cardRight-cardEdge, 2) {
		c.text(l, bold, 56, cardEdge, y+16, ink)
		y += 64
	}
	y += 8
	for _, l := range c.wrap(r.Verdict.Sentence, regular, 27, cardRight-cardEdge, 5) {
		c.text(l, regular, 27, cardEdge, y, ink)
		y += 37
	}
	bottom := float64(cardHeight) - 96
	if len(r.PeakDots) > 0 && r.Verdict.ShownValue >= 5 && r.Capacity != nil && r.State != "over_capacity" { // what has passed it is no case of passing it
		c.dots(r, at(r.begins().Add(time.Duration(r.Verdict.HorizonMinutes)*time.Minute), r.Now, f.TimeZone).Clock, bottom+18)
		bottom -= 40
	}
	if top := y + 4; bottom-top >= 90 {
		c.fan(r, f, top, bottom)
	}
	made := at(r.IssuedAt, r.Now, f.TimeZone)
	foot := "Made " + made.Full + ", valid until " + at(r.ValidUntil, r.Now, f.TimeZone).Clock
	if made.ISO == "" {
		foot = "No forecast yet"
	}
	c.text(foot, regular, 22, cardEdge, cardHeight-24, ink2)
	c.text("Surgecast", bold, 22, cardRight-c.width("Surgecast", bold, 22), cardHeight-24, ink2)

	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, c.img); err != nil {
		return nil, fmt.Errorf("encoding the card: %w", err)
	}
	return b.Bytes(), nil
}

// The card is always light, as print is; the colours are those of tokens.css.
var (
	surface   = rgb(0xffffff)
	ink       = rgb(0x14202b)
	ink2      = rgb(0x4b5967)
	hairline  = rgb(0xcdd5dd)
	unknown   = rgb(0x56626e)
	band95    = rgb(0xe4eff8)
	band80    = rgb(0xc3dcf0)
	band50    = rgb(0xa1c8e8)
	median    = rgb(0x0a3a61)
	capColour = rgb(0xb84300)
	tones     = map[string]color.RGBA{
		"calm": rgb(0x00694f), "watch": rgb(0x8a5a00), "alert": rgb(0x9f1239), "failing": rgb(0x9f1239), "recovery": rgb(0x1d5fa6), "unknown": unknown, "learning": unknown,
	}
)

func rgb(x uint32) color.RGBA { return color.RGBA{uint8(x >> 16), uint8(x >> 8), uint8(x), 255} }

type weight int

const (
	regular weight = iota
	bold
)

// fonts are part of the program: a server has none installed.
var fonts = sync.OnceValues(func() ([2]*opentype.Font, error) {
	var out [2]*opentype.Font
	for i, ttf := range [][]byte{goregular.TTF, gobold.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			return out, fmt.Errorf("reading the card's font: %w", err)
		}
		out[i] = f
	}
	return out, nil
})

// canvas draws on one picture; its faces are its own, because they keep state.
type canvas struct {
	img   *image.RGBA
	fonts [2]*opentype.Font
	faces map[faceKey]font.Face
}

type faceKey struct {
	weight weight
	size   float64
}

func newCanvas() (*canvas, error) {
	f, err := fonts()
	return &canvas{img: image.NewRGBA(image.Rect(0, 0, cardWidth, cardHeight)), fonts: f, faces: map[faceKey]font.Face{}}, err
}

func (c *canvas) face(w weight, size float64) font.Face {
	k := faceKey{w, size}
	if c.faces[k] == nil {
		face, err := opentype.NewFace(c.fonts[w], &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
		if err != nil { // only for a size that is no number
			panic(err)
		}
		c.faces[k] = face
	}
	return c.faces[k]
}

func (c *canvas) width(s string, w weight, size float64) float64 {
	return float64(font.MeasureString(c.face(w, size), s)) / 64
}

func (c *canvas) text(s string, w weight, size, x, y float64, colour color.RGBA) {
	d := font.Drawer{Dst: c.img, Src: image.NewUniform(colour), Face: c.face(w, size), Dot: fixed.Point26_6{X: fixed.Int26_6(x * 64), Y: fixed.Int26_6(y * 64)}}
	d.DrawString(s)
}

// cut shortens words that have no room.
func (c *canvas) cut(s string, w weight, size, room float64) string {
	if c.width(s, w, size) <= room {
		return s
	}
	runes := []rune(s)
	for len(runes) > 1 && c.width(string(runes)+"…", w, size) > room {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ") + "…"
}

// wrap breaks words into at most so many lines; what has no room even so is cut where it shows.
func (c *canvas) wrap(s string, w weight, size, room float64, most int) []string {
	var lines []string
	for _, word := range strings.Fields(s) {
		last := len(lines) - 1
		if last >= 0 && c.width(lines[last]+" "+word, w, size) <= room || last == most-1 {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	for i := range lines {
		lines[i] = c.cut(lines[i], w, size, room)
	}
	return lines
}

func (c *canvas) fill(r image.Rectangle, colour color.RGBA) {
	imagedraw.Draw(c.img, r, image.NewUniform(colour), image.Point{}, imagedraw.Src)
}

// area fills a closed shape.
func (c *canvas) area(colour color.RGBA, points ...[2]float64) {
	c.shapes(colour, [][][2]float64{points})
}

// shapes fills closed shapes, all at once; only the part of the picture they touch is looked at.
func (c *canvas) shapes(colour color.RGBA, all [][][2]float64) {
	low, high := [2]float64{cardWidth, cardHeight}, [2]float64{}
	for _, points := range all {
		for _, p := range points {
			for k := range p {
				low[k], high[k] = min(low[k], p[k]), max(high[k], p[k])
			}
		}
	}
	box := image.Rect(int(math.Floor(low[0])), int(math.Floor(low[1])), int(math.Ceil(high[0])), int(math.Ceil(high[1]))).Intersect(c.img.Bounds())
	if box.Empty() {
		return
	}
	z := vector.NewRasterizer(box.Dx(), box.Dy())
	for _, points := range all {
		for i, p := range points {
			x, y := float32(p[0]-float64(box.Min.X)), float32(p[1]-float64(box.Min.Y))
			if i == 0 {
				z.MoveTo(x, y)
			} else {
				z.LineTo(x, y)
			}
		}
		z.ClosePath()
	}
	z.Draw(c.img, box, image.NewUniform(colour), image.Point{})
}

// stroke draws a line through the points; dash and gap of 0 leave it whole.
func (c *canvas) stroke(colour color.RGBA, width, dash, gap float64, points ...[2]float64) {
	var pieces [][][2]float64
	run := 0.0
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		dx, dy := b[0]-a[0], b[1]-a[1]
		length := math.Hypot(dx, dy)
		if !(length > 0) {
			continue
		}
		dx, dy = dx/length, dy/length
		nx, ny := -dy*width/2, dx*width/2
		for from := 0.0; from < length; {
			to := length
			on := true
			if dash > 0 {
				phase := math.Mod(run+from, dash+gap)
				on = phase < dash
				rest := dash - phase
				if !on {
					rest = dash + gap - phase
				}
				to = min(length, from+max(rest, .5))
			}
			if on {
				x1, y1, x2, y2 := a[0]+dx*from, a[1]+dy*from, a[0]+dx*to, a[1]+dy*to
				pieces = append(pieces, [][2]float64{{x1 + nx, y1 + ny}, {x2 + nx, y2 + ny}, {x2 - nx, y2 - ny}, {x1 - nx, y1 - ny}})
			}
			from = to
		}
		run += length
	}
	c.shapes(colour, pieces)
}

func (c *canvas) frame(x, y, w, h float64, colour color.RGBA) {
	c.stroke(colour, 2, 0, 0, [2]float64{x, y}, [2]float64{x + w, y}, [2]float64{x + w, y + h}, [2]float64{x, y + h}, [2]float64{x, y - 1})
}

func circle(x, y, r float64) [][2]float64 {
	const n = 32
	out := make([][2]float64, n)
	for i := range out {
		s, k := math.Sincos(2 * math.Pi * float64(i) / n)
		out[i] = [2]float64{x + r*k, y + r*s}
	}
	return out
}

// badge is the state's shape and word, and answers where it ends.
func (c *canvas) badge(l look, x, y float64) float64 {
	colour := tones[l.tone]
	words, on := l.word, colour
	w := c.width(words, bold, 30)
	if l.tone == "alert" { // the one solid thing
		c.area(colour, [2]float64{x, 32}, [2]float64{x + w + 72, 32}, [2]float64{x + w + 72, 80}, [2]float64{x, 80})
		on, x = surface, x+18
	}
	const r = 11.0
	cx, cy := x+r, y-8
	switch l.tone {
	case "watch":
		c.area(on, [2]float64{cx, cy - r}, [2]float64{cx + r, cy + r}, [2]float64{cx - r, cy + r})
	case "failing":
		c.stroke(on, 4, 0, 0, [2]float64{cx - r, cy - r}, [2]float64{cx + r, cy + r})
		c.stroke(on, 4, 0, 0, [2]float64{cx - r, cy + r}, [2]float64{cx + r, cy - r})
	case "alert":
		c.area(on, [2]float64{cx, cy - r}, [2]float64{cx + r, cy}, [2]float64{cx, cy + r}, [2]float64{cx - r, cy})
	case "recovery":
		c.stroke(on, 4, 0, 0, [2]float64{cx - r, cy - r}, [2]float64{cx + r, cy + r}, [2]float64{cx + r, cy - r/2})
	case "unknown":
		c.text("?", bold, 30, cx-r, y+3, on)
	case "learning":
		ring := circle(cx, cy, r)
		c.stroke(on, 3, 4, 4, append(ring, ring[0])...)
	default:
		c.area(on, circle(cx, cy, r)...)
	}
	c.text(words, bold, 30, x+2*r+12, y+3, on)
	if l.tone == "alert" {
		x += 18
	}
	return x + 2*r + 12 + w
}

// dots are the 20 equally likely cases of the sentence, with what they are.
func (c *canvas) dots(r *riskDoc, until string, y float64) {
	over, n := r.over(), len(r.PeakDots)
	x := cardEdge + 9
	for i := range n {
		if i < over {
			c.area(capColour, circle(x, y, 9)...)
		} else {
			ring := circle(x, y, 8)
			c.stroke(ink2, 2, 0, 0, append(ring, ring[0])...)
		}
		x += 25
	}
	c.text(fmt.Sprintf("%d in %d pass %s a minute by %s", over, n, grouped(*r.Capacity), until), regular, 24, x+8, y+8, ink)
}

// fan is the chart without its axes: what came, the bands, the capacity.
func (c *canvas) fan(r *riskDoc, f *forecastDoc, top, bottom float64) {
	var from, to time.Time
	highest := 0.0
	var seen []float64
	see := func(t time.Time, x float64) {
		if from.IsZero() || t.Before(from) {
			from = t
		}
		if t.After(to) {
			to = t
		}
		if x > highest && !math.IsInf(x, 0) {
			highest = x
		}
	}
	index := boundIndex(f.Levels)
	for _, h := range f.History {
		if h.Requests != nil {
			see(h.At, *h.Requests)
			seen = append(seen, *h.Requests)
		}
	}
	for _, p := range f.Points {
		see(p.At, quantile(p.Quantiles, index[5]))
	}
	span := to.Sub(from)
	if span <= 0 || span > maxSpan || !(highest > 0) || highest > maxLevel {
		return
	}
	capacity := 0.0
	if r.Capacity != nil && *r.Capacity > 0 {
		capacity = *r.Capacity
		highest = min(max(highest, headroomOverCapacity*capacity), max(maxBoundOverReference*capacity, headroomOverCapacity*capacity))
	}
	x := func(t time.Time) float64 {
		return cardEdge + (cardRight-cardEdge)*t.Sub(from).Seconds()/span.Seconds()
	}
	level := func(v float64) float64 { return bottom - (bottom-top)*max(v, 0)/highest } // may lie above the chart
	y := func(v float64) float64 { return level(min(v, highest)) }
	for _, b := range []struct {
		low, high int
		colour    color.RGBA
	}{{0, 6, band95}, {1, 5, band80}, {2, 4, band50}} {
		var upper, lower [][2]float64
		for _, p := range f.Points {
			lo, hi := quantile(p.Quantiles, index[b.low]), quantile(p.Quantiles, index[b.high])
			if math.IsNaN(lo) || math.IsNaN(hi) {
				continue
			}
			upper, lower = append(upper, [2]float64{x(p.At), y(hi)}), append(lower, [2]float64{x(p.At), y(lo)})
		}
		for i := len(lower) - 1; i >= 0; i-- {
			upper = append(upper, lower[i])
		}
		if len(upper) > 3 {
			c.area(b.colour, upper...)
		}
	}
	first, last := at(from, f.Now, f.TimeZone).Clock, at(to, f.Now, f.TimeZone).Clock
	c.text(first, regular, 18, cardEdge, bottom+21, ink2)
	c.text(last, regular, 18, cardRight-c.width(last, regular, 18), bottom+21, ink2)
	var middle [][2]float64
	for _, p := range f.Points {
		if q := quantile(p.Quantiles, index[3]); !math.IsNaN(q) {
			middle = append(middle, [2]float64{x(p.At), y(q)})
		}
	}
	c.stroke(median, 2.5, 3, 5, middle...)
	c.stroke(hairline, 2, 0, 0, [2]float64{cardEdge, bottom}, [2]float64{cardRight, bottom})
	d := &drawing{}
	var line [][2]float64
	flush := func() { c.stroke(ink, 3, 0, 0, line...); line = nil }
	for _, h := range f.History {
		if h.Requests == nil || d.inGap(f, h.At) { // a gap is a gap
			flush()
			continue
		}
		line = append(line, [2]float64{x(h.At), y(*h.Requests)})
	}
	flush()
	if now := x(f.Now); now > cardEdge && now < cardRight {
		c.stroke(ink2, 1.5, 0, 0, [2]float64{now, top}, [2]float64{now, bottom})
		c.text("now", regular, 18, now-c.width("now", regular, 18)/2, bottom+21, ink2)
	}
	if capacity > 0 {
		// With its history: a line at what is served since a moment ago would say that it always was.
		held := f.capacityAt(from)
		if held == 0 {
			held = capacity
		}
		line, since := [][2]float64{{cardEdge, level(held)}}, cardEdge
		for _, s := range f.steps() {
			if s.rpm != held && s.at.After(from) && s.at.Before(to) {
				line = append(line, [2]float64{x(s.at), level(held)}, [2]float64{x(s.at), level(s.rpm)})
				held, since = s.rpm, x(s.at)
			}
		}
		line = append(line, [2]float64{cardRight, level(held)})
		for _, part := range below(line, top) {
			c.stroke(surface, 7, 0, 0, part...)
			c.stroke(capColour, 3, 12, 7, part...)
		}
		words := "capacity " + grouped(held) + " a minute"
		c.text(words, bold, 18, min(since+4, cardRight-c.width(words, bold, 18)), y(held)-8, capColour)
	} else if n := len(seen); n > 0 {
		c.text("lately "+rate(&seen[n-1])+" requests a minute", regular, 18, cardEdge+4, top+14, ink2)
	}
}

// below are the parts of a line of levels and steps that lie below an edge. What lies above it is not drawn: along the
// edge it would be read as the edge's value.
func below(line [][2]float64, top float64) (parts [][][2]float64) {
	var part [][2]float64
	for i, p := range line {
		in := p[1] >= top
		if i > 0 && in != (line[i-1][1] >= top) { // a step goes through the edge
			part = append(part, [2]float64{p[0], top})
		}
		if in {
			part = append(part, p)
		}
		if len(part) > 0 && (!in || i == len(line)-1) {
			parts, part = append(parts, part), nil
		}
	}
	return parts
}
