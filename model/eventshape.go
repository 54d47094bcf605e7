package model

import (
	"math"
	"strings"
)

// EventShape says what is expected of an event before any of its kind was seen: how the visits change
// around its start. It counts as much as one event seen, so three events later it hardly matters.
type EventShape int

// Shapes of events. Unknown ones are expected to change nothing until one was seen.
const (
	ShapeUnknown EventShape = iota
	ShapeSale
	ShapeNewsletter
	ShapeTVSpot
	ShapeCelebrity
	ShapeOnSale
	ShapeAnnouncement
	ShapeBreaking
	ShapePush
	ShapeMatch
)

// shapes give the visits u minutes after the start as a multiple of the usual ones, 1 + A·K(u), K at most
// about 1. The peaks A are medians on the low side: reports tell of the sites that fell over, and an event's
// own size takes over within minutes.
var shapes = [...]struct {
	name string
	peak float64 // A
	k    func(u float64) float64
}{
	ShapeUnknown: {"", 0, func(float64) float64 { return 0 }},
	// Flash sales: hosts speak of 10–100 × in minutes, a shop with a usual one of less; the rest follows the
	// ticket launch below, slower, because stock lasts. Peak: judgement.
	ShapeSale: {"sale", 2, launch(10, .15, 30, .6)},
	// 33.6 % of all clicks in the first hour, 51.4 % within three, 81 % within a day (GetResponse benchmarks 2020,
	// 5.5 billion mails). Two e-folds meet all three, 51 minutes and 23 hours (33.8, 51.4 and 81.0 % with mass). Peak:
	// judgement.
	ShapeNewsletter: {"newsletter", 1, after(5, func(u float64) float64 { return .96*math.Exp(-u/51) + .04*math.Exp(-u/1380) })},
	// 75 % of the search lift within two minutes of a spot (Du, Xu and Wilbur 2019): e-fold 1.44 minutes, the
	// rest within a quarter of an hour (MODEL 6.4). Peak: judgement.
	ShapeTVSpot: {"tv spot", 2, after(1, func(u float64) float64 { return .75*math.Exp(-u/1.44) + .25*math.Exp(-u/15) })},
	// A link posted on Twitter loses half its clicks in 2.8 hours, breaking news in 5 minutes (bitly 2011);
	// "twenty times its normal daily traffic" is what the famous cases report (MODEL 1.3 has 30 ×). Peak: judgement.
	ShapeCelebrity: {"celebrity post", 3, after(5, func(u float64) float64 { return math.Pow(1+u/30, -1.2) })},
	// A queue builds from a quarter of an hour before, then (1+u/10 min)^−.6 (MODEL 6.4); Ticketmaster's
	// largest sale was 4 × its largest day before (Nov 2022), an ordinary on-sale is less beside a venue's usual.
	ShapeOnSale: {"on-sale", 4, launch(15, .3, 10, .6)},
	// As an article: e-fold 90 minutes (MODEL 6.4). Peak: judgement.
	ShapeAnnouncement: {"announcement", 1, after(5, func(u float64) float64 { return math.Exp(-u / 90) })},
	// As an article, with the tail of a link that is passed on (half-life 2.8 h). Peak: judgement; publishers
	// speak of 10–30 × in the worst minutes.
	ShapeBreaking: {"breaking story", 1.5, after(5, func(u float64) float64 { return .6*math.Exp(-u/90) + .4*math.Exp(-u/240) })},
	// gamma(2, 4 min) scaled to a peak of 1 (MODEL 6.4). Peak: judgement.
	ShapePush: {"push", 1.5, func(u float64) float64 { return max(u, 0) / 4 * math.Exp(1-max(u, 0)/4) }},
	// A plateau from kick-off to the final whistle, two hours, with half an hour on either side (MODEL 6.4).
	// Peak: judgement.
	ShapeMatch: {"match", .5, func(u float64) float64 {
		return 1 / (1 + math.Exp(-(u+10)/8)) / (1 + math.Exp((u-130)/15))
	}},
}

// launch is a queue of height h that builds over so many minutes, a step, then (1+u/scale)^−power.
func launch(before, h, scale, power float64) func(float64) float64 {
	return func(u float64) float64 {
		if u < 0 {
			return h * max(1+u/before, 0)
		}
		return math.Pow(1+u/scale, -power)
	}
}

// after is k from the start on, taken in over some minutes.
func after(minutes float64, k func(float64) float64) func(float64) float64 {
	return func(u float64) float64 {
		if u < 0 {
			return 0
		}
		return min(1, (u+1)/minutes) * k(u)
	}
}

// ShapeOf is the shape people mean by a word (as in an events file: "match", "tv_spot", "on-sale");
// ShapeUnknown for any other.
func ShapeOf(word string) EventShape {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == ' ' || r == '_' || r == '-' {
				return -1
			}
			return r
		}, strings.ToLower(s))
	}
	for i := range shapes {
		if i > 0 && plain(shapes[i].name) == plain(word) {
			return EventShape(i)
		}
	}
	return ShapeUnknown
}

// peak is A, the highest rate as a multiple of the usual one.
func (s EventShape) peak() float64 {
	if s <= ShapeUnknown || int(s) >= len(shapes) {
		return 0
	}
	return shapes[s].peak
}

// at is K(u), u minutes after the start.
func (s EventShape) at(u float64) float64 {
	if s <= ShapeUnknown || int(s) >= len(shapes) {
		return 0
	}
	return max(shapes[s].k(u), 0)
}

// massMinutes is how long visits of an event are followed: most of what an event brings comes within a day. Of a
// mailing's it is known how many, and the rest is counted too.
const (
	massMinutes = 1440
	mailingDay  = .81 // share of a mailing's clicks within massMinutes; source: shapes
)

// mass is ∫K, in minutes at the peak's rate, of an event that lasts so many minutes.
func (s EventShape) mass(lasts float64) float64 {
	const hold = eventHold / 60
	sum := 0.
	long := lasts > eventAfter/60
	for u := -60.; u < massMinutes; u++ { // the midpoint rule, a minute at a time
		if long && u >= hold {
			break
		}
		sum += s.at(u + .5)
	}
	if long {
		sum += s.at(hold) * (lasts - hold + eventFade/120)
	} else if s == ShapeNewsletter {
		sum /= mailingDay
	}
	return sum
}

// effect is log(1 + A K(u)), averaged over the span around u that one knot stands for. What begins with a
// step belongs to the start's knot whole: half of a spot of five minutes would miss its peak.
func (s EventShape) effect(a, minutes, span float64) float64 {
	const parts = 8
	sum := 0.
	for i := range parts {
		u := minutes + span*((float64(i)+.5)/parts-.5)
		if u < 0 && minutes >= 0 {
			u = -u
		}
		sum += math.Log1p(a * s.at(u))
	}
	return sum / parts
}
