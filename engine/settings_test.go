package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"surgecast"
)

// A model is made for a zone and a span of sustained demand. When a person changes them the site is modelled anew from
// its stored minutes: its forecasts, and what-if, are of the site as it is now, without a restart.
// Fails when: reload does not ask remade.
func TestChangedSettingsMakeANewModel(t *testing.T) {
	t.Parallel()
	const change = 180
	p := newPlace(t, nil)
	e := p.engine(nil)
	p.steady(0, change, 300, nil)
	p.sweep(e, change-1)
	p.site.TimeZone, p.site.Capacity.SustainMinutes = "Asia/Tokyo", 12
	var err error
	p.site, err = p.st.UpdateSite(t.Context(), p.site)
	p.ok(err)
	p.steady(change, change+2, 300, nil)
	f := p.sweep(e, change+1)
	ask := WhatIf(Config{Store: p.st, Clock: func() time.Time { return minute(change + 2) }})
	a, err := ask(t.Context(), surgecast.WhatIf{Site: p.site, At: minute(change + 2)})
	if err != nil {
		t.Fatalf("what-if after the change: %v", err)
	}
	// What is stored was made by the engine that kept running, the base by a model made of the new settings.
	if d := cmp.Diff(f.MaxQuantilesRPM, a.Base.MaxQuantilesRPM); d != "" {
		t.Errorf("highest sustained demand (-stored +anew):\n%s", cut(d))
	}
}
