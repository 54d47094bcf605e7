package simulate

import (
	"math"
	"slices"
	"time"
)

// When things begin, in minutes from StoryStart.
const (
	talkRises     = 5.0  // tickets: the first posts that catch on
	doubling      = 16.0 // tickets: minutes in which the talk doubles
	talkBends     = 66.0 // tickets: minutes after talkRises when growth gives way
	saleOpens     = 10.0 // museum: the exhibition goes on sale
	checkoutFails = 25.0 // museum: its checkout breaks
	checkoutHeals = 205.0
	complaints    = 31.0 // museum: people begin to say so
	bumpRises     = 60.0 // shop
	peakOver      = 2.5  // tickets: highest demand over the capacity of the units it began with
)

// drive is what a story adds to one minute.
type drive struct {
	talk      float64 // mentions
	visits    float64 // visits that come without talk
	dampening float64 // factor on the visits a mention brings; 0: 1
	failing   float64 // share of checkouts that fail
	retrying  float64 // checkouts tried again for each that failed
}

// storyAt is the story's part of a minute, nothing before StoryStart.
func (w *World) storyAt(p *place, m int64) drive {
	u := float64(m - unixMinute(w.storyStart))
	if u < 0 {
		return w.before(p, u)
	}
	return p.story(w, p, u)
}

// waves are the smaller surges of the tour's past: a site that never saw one could not know what talk
// brings. Their height is a share of the story's.
var waves = []struct{ days, height float64 }{{6.2, .10}, {4.4, .16}, {3.3, .12}, {1.9, .15}, {.8, .11}}

func (w *World) before(p *place, u float64) drive {
	var d drive
	if p.site.Slug != Tickets {
		return d
	}
	for _, v := range waves {
		if v := p.storyTalk * v.height * surge(u+v.days*24*60); v > d.talk {
			d.talk = v
		}
	}
	return d
}

// viral doubles every sixteen minutes from a small beginning, bends, and dies away as a power law.
func viral(_ *World, p *place, u float64) drive {
	return drive{talk: p.storyTalk * surge(u-talkRises)}
}

func surge(u float64) float64 {
	if u < 0 {
		return 0
	}
	begin := 1 - math.Exp2(-u/3) // nobody counts a first minute of thirty
	growth := 1 / (1 + math.Exp2(-(u-talkBends)/doubling))
	decay := math.Pow(1+max(0, u-talkBends)/30, -3.5)
	return begin * growth * decay
}

// bump is a post of some reach: half an hour of it, then gone.
func bump(_ *World, p *place, u float64) drive {
	if u -= bumpRises; u < 0 {
		return drive{}
	}
	return drive{talk: 5 * p.talkBase * (1 - math.Exp2(-u/6)) * math.Pow(1+u/25, -2.5)}
}

// onSale brings visitors who were waiting for the date. Then the checkout breaks: load hardly changes,
// checkouts fail and are tried again, and people complain, which brings few new visitors.
func onSale(_ *World, p *place, u float64) drive {
	var d drive
	if s := u - saleOpens; s >= 0 {
		d.visits = p.storyVisits * (1 - math.Exp2(-s/4)) * math.Pow(1+s/240, -1.2)
	}
	if u >= checkoutFails && u < checkoutHeals {
		d.failing, d.retrying = .65, .3
	}
	if s := u - complaints; s >= 0 {
		d.talk = 10 * p.talkBase * (1 - math.Exp2(-s/12)) * math.Pow(1+s/90, -1.5)
		d.dampening = .25
	}
	return d
}

// fitStory sizes the story so that it fits the hour it plays at: the tickets' expected demand peaks at
// peakOver times capacity at any time of day, the museum's sale stays well below.
func (w *World) fitStory(p *place) {
	switch p.site.Slug {
	case Tickets:
		// Expected demand is linear in the height of the talk: a line for each minute, and the height at
		// which the highest of them reaches the goal.
		goal := peakOver * p.site.Capacity.RPM()
		var without, slope [3 * 60]float64
		for u := range without {
			m := unixMinute(w.storyStart) + int64(u)
			without[u] = w.expected(p, m) // storyTalk is still 0
			slope[u] = w.conversion(p, m) * w.lagged(m, func(m int64) float64 {
				return surge(float64(m-unixMinute(w.storyStart)) - talkRises)
			})
		}
		reach := func(height float64) float64 {
			top := 0.0
			for u := range without {
				top = max(top, without[u]+height*slope[u])
			}
			return top
		}
		low, high := 0.0, 1.0
		for reach(high) < goal {
			high *= 2
		}
		for range 20 {
			if mid := (low + high) / 2; reach(mid) < goal {
				low = mid
			} else {
				high = mid
			}
		}
		p.storyTalk = math.Round(high)
	case Museum:
		p.storyVisits = .28 * p.site.Capacity.RPM()
	}
}

// Phase is a chapter of the story, for a caption. At is when it begins by expectation; the counts of a
// minute stray around it.
type Phase struct {
	Site string
	Name string // "calm", "talk rises", "visits follow", "capacity passed", "peak", "over", "sale opens", "checkout fails", "bump"
	At   time.Time
}

// Phases lists the chapters in order of time. "capacity passed" supposes that nobody adds a unit.
func (w *World) Phases() []Phase {
	at := func(u float64) time.Time { return w.storyStart.Add(time.Duration(u * float64(time.Minute))) }
	all := []Phase{
		{Tickets, "calm", at(0)},
		{Tickets, "talk rises", at(talkRises)},
		{Museum, "sale opens", at(saleOpens)},
		{Museum, "checkout fails", at(checkoutFails)},
		{Museum, "checkout works again", at(checkoutHeals)},
		{Shop, "bump", at(bumpRises)},
	}
	p := w.bySlug[Tickets]
	capacity := p.site.Capacity.RPM()
	from := unixMinute(w.storyStart)
	var follow, passed, peak, over int64 = -1, -1, 0, -1
	top := 0.0
	for u := int64(0); u < 8*60; u++ {
		y, base := w.expected(p, from+u), w.base(p, from+u)
		if follow < 0 && y-base > w.conversion(p, from+u)*p.talkBase*2+.1*base {
			follow = u
		}
		if passed < 0 && y > capacity {
			passed = u
		}
		if y > top {
			top, peak = y, u
		}
		if passed >= 0 && over < 0 && u > peak && y < .9*capacity {
			over = u
		}
	}
	for _, c := range []struct {
		name string
		u    int64
	}{{"visits follow", follow}, {"capacity passed", passed}, {"peak", peak}, {"over", over}} {
		if c.u >= 0 {
			all = append(all, Phase{Tickets, c.name, at(float64(c.u))})
		}
	}
	slices.SortStableFunc(all, func(a, b Phase) int { return a.At.Compare(b.At) })
	return all
}
