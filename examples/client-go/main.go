// Command client-go takes a site from nothing to a recommendation, with a client generated from the specification:
//
//	go tool oapi-codegen -config oapi-codegen.yaml ../../api/openapi.json
//	SURGECAST_URL=http://localhost:8080 SURGECAST_KEY=sgc_… go run .
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"time"

	"surgecast-client-example/surgecast"
)

func main() {
	if err := run(context.Background(), os.Getenv("SURGECAST_URL"), os.Getenv("SURGECAST_KEY")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// refused is a problem as an error: what is wrong, and what to do.
func refused(p *surgecast.Problem, status string) error {
	if p == nil {
		return fmt.Errorf("answered %s", status)
	}
	remedy := ""
	if p.Remedy != nil {
		remedy = *p.Remedy
	}
	return fmt.Errorf("%d %s: %s %s (reference %s)", p.Status, p.Code, p.Detail, remedy, p.Reference)
}

func run(ctx context.Context, url, key string) error {
	api, err := surgecast.NewClientWithResponses(url, surgecast.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+key)
		return nil
	}))
	if err != nil {
		return err
	}
	const slug = "go-shop"
	now := time.Now().UTC().Truncate(time.Minute)

	mode, name, units, least, perUnit, once := surgecast.SiteNewModeAct, "A shop", int64(6), int64(2), 300.0, "example-go-site"
	site, err := api.CreateSiteWithResponse(ctx, &surgecast.CreateSiteParams{IdempotencyKey: &once}, surgecast.SiteNew{
		Slug: slug, Name: &name, Mode: &mode,
		Capacity: &surgecast.CapacityBody{Units: &units, MinUnits: &least, RpmPerUnit: &perUnit},
	})
	if err != nil {
		return err
	}
	if site.JSON201 == nil {
		return refused(site.ApplicationproblemJSONDefault, site.Status())
	}

	var rows []surgecast.TrafficRow
	for i := 180; i > 0; i-- {
		requests := 600 + 50*math.Sin(float64(i))
		rows = append(rows, surgecast.TrafficRow{Minute: now.Add(-time.Duration(i) * time.Minute), Requests: &requests})
	}
	pushed, err := api.PushTrafficWithResponse(ctx, slug, nil, rows)
	if err != nil {
		return err
	}
	if pushed.JSON202 == nil {
		return refused(pushed.ApplicationproblemJSONDefault, pushed.Status())
	}

	kind, reach := surgecast.EventNewKindNewsletter, 20_000.0
	event, err := api.CreateEventWithResponse(ctx, nil, surgecast.EventNew{Site: slug, Kind: &kind, StartsAt: now.Add(3 * time.Hour), ExpectedReach: &reach})
	if err != nil {
		return err
	}
	if event.JSON201 == nil {
		return refused(event.ApplicationproblemJSONDefault, event.Status())
	}

	// The engine looks once a minute; until then there is no forecast, and the service says so.
	var scale *surgecast.ScaleBody
	for tries := 0; scale == nil; tries++ {
		got, err := api.SiteScaleWithResponse(ctx, slug, nil)
		if err != nil {
			return err
		}
		if scale = got.JSON200; scale == nil {
			p := got.ApplicationproblemJSONDefault
			if p == nil || p.Code != "no_forecast" || tries > 240 {
				return refused(p, got.Status())
			}
			time.Sleep(time.Second)
		}
	}
	horizon := int64(60)
	forecast, err := api.SiteForecastWithResponse(ctx, slug, &surgecast.SiteForecastParams{Horizon: &horizon})
	if err != nil {
		return err
	}
	risk, err := api.SiteRiskWithResponse(ctx, slug, nil)
	if err != nil {
		return err
	}
	of := slug
	events, err := api.ListEventsWithResponse(ctx, &surgecast.ListEventsParams{Site: &of})
	if err != nil {
		return err
	}
	missing, err := api.GetSiteWithResponse(ctx, "nobody")
	if err != nil {
		return err
	}
	if forecast.JSON200 == nil || risk.JSON200 == nil || events.JSON200 == nil || missing.ApplicationproblemJSONDefault == nil {
		return fmt.Errorf("forecast %s, risk %s, events %s, a site nobody has %s", forecast.Status(), risk.Status(), events.Status(), missing.Status())
	}
	ids := []string{}
	if events.JSON200.Items != nil {
		for _, e := range *events.JSON200.Items {
			ids = append(ids, e.Id)
		}
	}
	points := 0
	if forecast.JSON200.Points != nil {
		points = len(*forecast.JSON200.Points)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"site": site.JSON201.Slug, "accepted": pushed.JSON202.Accepted, "event": event.JSON201.Id, "points": points,
		"capacity_rpm": risk.JSON200.CapacityRpm, "surge": risk.JSON200.Surge, "headline": risk.JSON200.Verdict.Headline,
		"units": scale.Units, "stale": scale.Stale, "events": ids, "missing": missing.ApplicationproblemJSONDefault.Code,
	})
}
