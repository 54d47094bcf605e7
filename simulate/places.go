package simulate

import (
	"fmt"
	"time"

	"surgecast"
)

func places(w *World) []place {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil { // time/tzdata is linked in
		panic(fmt.Sprintf("zone of the simulated sites: %v", err))
	}
	history := unixMinute(w.storyStart) - unixMinute(w.start)
	all := []place{
		{
			site: surgecast.Site{
				Slug: Tickets, Name: "Nordlicht Tickets", Kind: surgecast.KindShop, Mode: surgecast.ModeAdvise,
				Capacity: surgecast.CapacityProfile{
					Units: 6, MinUnits: 6, MaxUnits: 40, RPMPerUnit: 200,
					LeadTimeP50Seconds: 3 * 60, LeadTimeP95Seconds: 6 * 60, SustainMinutes: 3, P95LimitMS: 1500,
					// One request in a thousand ends in an order, which is worth 1.50; a unit costs 0.45 an hour.
					CostLostRequest: .0015, CostIdleUnitHour: .45, Currency: "EUR", AlertProbability: .2,
				},
			},
			topic:   surgecast.Topic{Slug: "nordlicht-tour", Name: "Nordlicht tour", Any: []string{"nordlicht tour", "#nordlichttour", "nordlicht tickets"}},
			baseRPM: 470, swing: .55, week: [7]float64{1.08, .92, .93, .95, .99, 1.10, 1.03},
			talkBase: 10, conversion: [2]float64{4, 6}, changeAt: unixMinute(w.start) + history*3/5,
			dispersion: 250, story: viral,
		},
		{
			site: surgecast.Site{
				Slug: Shop, Name: "Kleinod", Kind: surgecast.KindShop, Mode: surgecast.ModeShadow,
				Capacity: surgecast.CapacityProfile{
					Units: 3, MinUnits: 2, MaxUnits: 10, RPMPerUnit: 120,
					LeadTimeP50Seconds: 2 * 60, LeadTimeP95Seconds: 5 * 60, SustainMinutes: 3, P95LimitMS: 1200,
					CostLostRequest: .002, CostIdleUnitHour: .3, Currency: "EUR", AlertProbability: .2,
				},
			},
			topic:   surgecast.Topic{Slug: "kleinod", Name: "Kleinod jewellery", Any: []string{"kleinod ring", "#kleinod"}},
			baseRPM: 105, swing: .6, week: [7]float64{1.15, .95, .93, .94, .97, 1.0, 1.06},
			talkBase: 1.5, conversion: [2]float64{5, 5},
			dispersion: 200, story: bump,
		},
		{
			site: surgecast.Site{
				Slug: Museum, Name: "Hafenmuseum", Kind: surgecast.KindVenue, Mode: surgecast.ModeAdvise,
				Capacity: surgecast.CapacityProfile{
					Units: 4, MinUnits: 3, MaxUnits: 16, RPMPerUnit: 250,
					LeadTimeP50Seconds: 3 * 60, LeadTimeP95Seconds: 6 * 60, SustainMinutes: 3, P95LimitMS: 1500,
					CostLostRequest: .003, CostIdleUnitHour: .5, Currency: "EUR", AlertProbability: .2,
				},
				Segments: []surgecast.Segment{{Name: "browse"}, {Name: "checkout", Weight: 4, CapacityRPM: 160}},
			},
			topic:   surgecast.Topic{Slug: "hafenmuseum", Name: "Hafenmuseum exhibition", Any: []string{"hafenmuseum", "#hafenmuseum"}},
			baseRPM: 230, swing: .5, week: [7]float64{1.2, .8, .85, .92, .98, 1.08, 1.17},
			talkBase: 3, conversion: [2]float64{3, 3}, checkout: .06,
			dispersion: 220, story: onSale,
		},
	}
	for i := range all {
		p := &all[i]
		p.loc = berlin
		p.site.AccountID, p.topic.AccountID = surgecast.DefaultAccount, surgecast.DefaultAccount
		p.site.TimeZone = "Europe/Berlin"
		p.site.Simulated, p.topic.Simulated = true, true
		p.site.CreatedAt, p.topic.CreatedAt = w.start, w.start
		p.topic.Since, p.topic.Revision = w.start, 1
	}
	return all
}
