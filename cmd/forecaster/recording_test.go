package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The recording the tests play: a shop of 6 units, 300 requests a minute each. Traffic is a daily wave
// between 400 and 1000 with noise; twice on the third day people talk first, visits follow within half an
// hour and climb to about 2600, which is more than the 1800 the shop can take.
const (
	shopSlug     = "shop"
	shopCapacity = 1800.0
	shopTopic    = "lamp"
	shopSource   = "forum"
)

var (
	recordingStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	recordingFrom  = recordingStart.Add(2*24*time.Hour + 14*time.Hour) // first minute that is forecast
	recordingTo    = recordingStart.Add(2*24*time.Hour + 20*time.Hour)
	ramps          = []time.Time{recordingFrom.Add(60 * time.Minute), recordingFrom.Add(230 * time.Minute)}
)

// played is one minute of the recording.
type played struct {
	at                time.Time
	requests          float64
	mentions, authors int
}

// bump rises over 30 minutes, stays for 25 and falls over 40.
func bump(minutes float64) float64 {
	switch {
	case minutes < 0 || minutes > 95:
		return 0
	case minutes < 30:
		return minutes / 30
	case minutes < 55:
		return 1
	default:
		return (95 - minutes) / 40
	}
}

// record makes the recording; equal seeds make equal recordings.
func record(seed uint64) []played {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []played
	for at := recordingStart; at.Before(recordingTo); at = at.Add(time.Minute) {
		day := at.Sub(recordingStart).Minutes() / (24 * 60)
		demand := 700 - 300*math.Cos(2*math.Pi*(day-0.15))
		talk := 2.0
		for _, r := range ramps {
			demand += 1900 * bump(at.Sub(r).Minutes())
			talk += 90 * bump(at.Sub(r).Minutes()+12)
		}
		n := int(max(0, math.Round(talk+math.Sqrt(talk)*rng.NormFloat64())))
		out = append(out, played{
			at: at, requests: math.Round(max(0, demand+2*math.Sqrt(demand)*rng.NormFloat64())), mentions: n, authors: (n*9 + 9) / 10,
		})
	}
	return out
}

// breach is the first minute at whose end the mean of three minutes is above capacity.
func breach(rec []played, from time.Time) time.Time {
	for i := 2; i < len(rec); i++ {
		if !rec[i].at.Before(from) && (rec[i].requests+rec[i-1].requests+rec[i-2].requests)/3 > shopCapacity {
			return rec[i].at
		}
	}
	return time.Time{}
}

// files are a recording on disk.
type files struct{ traffic, mentions, site string }

func writeRecording(t testing.TB, dir string, rec []played) files {
	t.Helper()
	var traffic, mentions bytes.Buffer
	traffic.WriteString("minute,requests\n")
	mentions.WriteString("minute,topic,source,count,authors\n")
	for _, m := range rec {
		fmt.Fprintf(&traffic, "%s,%g\n", m.at.Format(time.RFC3339), m.requests)
		fmt.Fprintf(&mentions, "%s,%s,%s,%d,%d\n", m.at.Format(time.RFC3339), shopTopic, shopSource, m.mentions, m.authors)
	}
	site := fmt.Sprintf(`site: %s
name: Lamp shop
kind: shop
time_zone: UTC
mode: act
capacity:
  units: 6
  min_units: 2
  max_units: 24
  rpm_per_unit: 300
  lead_time_p50: 3m
  lead_time_p95: 5m
  sustain_minutes: 3
  cost_lost_request: 0.01
  cost_idle_unit_hour: 0.2
  currency: EUR
replay:
  from: %s
  to: %s
`, shopSlug, recordingFrom.Format(time.RFC3339), recordingTo.Format(time.RFC3339))
	f := files{filepath.Join(dir, "traffic.csv"), filepath.Join(dir, "mentions.csv"), filepath.Join(dir, "shop.yaml")}
	for path, text := range map[string][]byte{f.traffic: traffic.Bytes(), f.mentions: mentions.Bytes(), f.site: []byte(site)} {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return f
}
