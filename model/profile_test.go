package model

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// rhythm is 50 a step on average, half as much again at its daily height, and half of it at weekends.
func rhythm(unix int64) float64 {
	m := 50 * (1 + .5*math.Sin(float64(unix%day)/day*2*math.Pi))
	if d := (unix/day + 4) % 7; d == 0 || d == 6 { // 1970-01-01 was a Thursday
		m /= 2
	}
	return m
}

func learnt(days int) (p profile, at int64) {
	r := rand.New(rand.NewPCG(7, 8))
	p, at = newProfile(300), monday
	for range days * 288 {
		p.learn(float64(at), math.Log1p(poisson(r, rhythm(at))), false, 1)
		at += 300
	}
	return p, at
}

// Eight weeks of Poisson counts with a day and a weekend: the profile with its slow level is within 10 %
// of the truth in 90 % of the coming week, the hours of Saturday's and Sunday's edges included. (Poisson
// noise alone is 14 % a step.) After four weeks it still learns the weekend; the memories bridge that.
//
// Fails when fine and coarse learn with opposite signs, or place is a knot off.
func TestProfileFindsDayAndWeek(t *testing.T) {
	p, at := learnt(56)
	good := 0
	const n = 7 * 288
	for k := range n {
		u := at + int64(k)*300
		if math.Abs(math.Expm1(p.at(float64(u))+p.level)/rhythm(u)-1) < .1 {
			good++
		}
	}
	if share := float64(good) / n; share < .9 {
		t.Errorf("within 10 %% of the truth in %.2f of the week", share)
	}
}

// Visits halve for good. The slow level is within 10 % after 14 days; the memory of 24 steps within 100
// minutes.
func TestLevelRecovers(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	p, at := learnt(56)
	m := newMemory(300)
	m.n = 1000
	feed := func(n int) {
		for range n {
			z := math.Log1p(poisson(r, rhythm(at)/2))
			p.learn(float64(at), z, false, 1)
			m.learn(z-p.at(float64(at)), false, 1)
			at += 300
		}
	}
	var off float64
	week := func(level float64) float64 { // mean log ratio over a week
		off = 0
		for k := range 7 * 288 {
			u := at + int64(k)*300
			off += p.at(float64(u)) + level - math.Log1p(rhythm(u)/2)
		}
		return off / (7 * 288)
	}
	for k := range m.s {
		m.s[k] = p.level
	}
	feed(20) // 100 minutes
	// s of 8 steps has e^(−20/8) = 8 % of the change left: 0.08·log 2 = 0.06, and its own noise.
	if e := m.s[2] - p.level; e > -.5 {
		t.Errorf("100 minutes after visits halved the short memory moved by %.2f of log ½ = −.69", e)
	}
	feed(14 * 288)
	if e := week(p.level); math.Abs(e) > math.Log(1.1) {
		t.Errorf("14 days after visits halved the profile is off by %.2f in log", e)
	}
}

// The profile follows the wall clock: what happens at nine in Berlin happens at nine after the clock was
// put forward as well. 2024-03-31 01:00 UTC is the change.
//
// Fails when wallClock keeps the offset beyond its bounds.
func TestProfileFollowsSummerTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	w := wallClock{loc: berlin}
	for _, at := range []time.Time{
		time.Date(2024, 3, 30, 9, 0, 0, 0, berlin), time.Date(2024, 3, 31, 9, 0, 0, 0, berlin),
		time.Date(2024, 10, 26, 9, 0, 0, 0, berlin), time.Date(2024, 10, 27, 9, 0, 0, 0, berlin), time.Date(2024, 3, 30, 9, 0, 0, 0, berlin),
	} {
		if got := int64(w.local(at.Unix())) % day; got != 9*3600 {
			t.Errorf("%v is second %d of its local day, want %d", at, got, 9*3600)
		}
	}
}
