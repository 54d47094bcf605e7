package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"surgecast"
	"surgecast/ingest"
	"surgecast/traffic"
)

// readTraffic reads a file of one site's minutes, oldest first.
func readTraffic(path string, now time.Time, series string) ([]surgecast.TrafficMinute, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, _, err := traffic.ReadCSV(f, traffic.CSVOptions{Now: now, Series: series})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Minute.Before(rows[j].Minute) })
	return rows, nil
}

// talkFile is a file of counts: its buckets, oldest first, and what they are of.
type talkFile struct {
	rows   []ingest.Count
	topics []string          // slugs, in order of appearance
	names  map[string]string // what the file calls them
	steps  map[string]int    // seconds of a bucket, by source
}

// end is when a bucket is over.
func (f *talkFile) end(c ingest.Count) time.Time {
	return c.Minute.Add(time.Duration(max(60, c.StepSeconds)) * time.Second)
}

// readMentions reads a file of counts. source names the source of rows that do not say; empty: from the
// file's name.
func readMentions(path string, now time.Time, source string) (*talkFile, error) {
	if source == "" {
		base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".gz"), ".csv")
		source = "csv:" + ingest.Slugify(base)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, sum, err := ingest.ReadCSV(f, ingest.CSVOptions{Now: now, Source: source})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Minute.Before(rows[j].Minute) })
	t := &talkFile{rows: rows, topics: sum.Topics, names: map[string]string{}, steps: sum.Steps}
	for i, slug := range sum.Topics {
		t.names[slug] = slug
		if i < len(sum.Names) {
			t.names[slug] = sum.Names[i]
		}
	}
	return t, nil
}
