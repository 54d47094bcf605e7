package engine

import (
	"testing"
	"time"

	"surgecast"
)

// An answer within a second (DESIGN 8), with mentions and nine minutes behind the last snapshot.
func BenchmarkWhatIf(b *testing.B) {
	p := newPlace(b, nil)
	p.talked(60)
	e := p.engine(nil)
	const until = 1440 + 9
	for i := range until {
		p.steady(i, i+1, 300, nil)
		p.mentions(courseTalk(i)...)
		if i >= 1439 {
			p.sweep(e, i)
		}
	}
	ask := WhatIf(Config{Store: p.st, Clock: func() time.Time { return minute(until) }})
	q := surgecast.WhatIf{Site: p.site, At: minute(until), Events: []surgecast.PlannedEvent{{ID: "evt_1", Kind: surgecast.EventPush, StartsAt: minute(until + 60), ExpectedReach: 1e5}}}
	for b.Loop() {
		if _, err := ask(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}
