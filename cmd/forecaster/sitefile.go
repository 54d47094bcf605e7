package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"surgecast"
)

// siteFile is a site written down: what `site add --file` and `replay --site` read.
type siteFile struct {
	Site     string           `yaml:"site"`
	Name     string           `yaml:"name"`
	Kind     string           `yaml:"kind"`
	TimeZone string           `yaml:"time_zone"`
	Mode     string           `yaml:"mode"`
	Capacity siteFileCapacity `yaml:"capacity"`
	Topics   []siteFileTopic  `yaml:"topics"`
	Replay   siteFileReplay   `yaml:"replay"`
	Webhooks []siteFileHook   `yaml:"webhooks"`
}

type siteFileCapacity struct {
	Units                   int           `yaml:"units"`
	MinUnits                int           `yaml:"min_units"`
	MaxUnits                int           `yaml:"max_units"`
	RPMPerUnit              float64       `yaml:"rpm_per_unit"`
	WorkersPerUnit          int           `yaml:"workers_per_unit"`
	ServiceSeconds          float64       `yaml:"service_seconds"`
	LeadTimeP50             time.Duration `yaml:"lead_time_p50"`
	LeadTimeP95             time.Duration `yaml:"lead_time_p95"`
	SustainMinutes          int           `yaml:"sustain_minutes"`
	P95LimitMS              int           `yaml:"p95_limit_ms"`
	CostLostRequest         float64       `yaml:"cost_lost_request"`
	CostIdleUnitHour        float64       `yaml:"cost_idle_unit_hour"`
	Currency                string        `yaml:"currency"`
	TargetQuantile          float64       `yaml:"target_quantile"`
	AlertProbability        float64       `yaml:"alert_probability"`
	MaxExtraUnitHoursPerDay float64       `yaml:"max_extra_unit_hours_per_day"`
}

type siteFileTopic struct {
	Topic string   `yaml:"topic"`
	Name  string   `yaml:"name"`
	Any   []string `yaml:"any"`
	And   []string `yaml:"and"`
	Not   []string `yaml:"not"`
}

type siteFileReplay struct {
	WarmUpFrom time.Time `yaml:"warm_up_from"` // minutes before it are left out
	From       time.Time `yaml:"from"`         // first minute that is forecast
	To         time.Time `yaml:"to"`           // first minute no longer played

	line int // of the file, where the section begins
}

// readSiteFile reads and checks a site file; unknown keys are mistakes, not comments.
func readSiteFile(path string) (siteFile, error) {
	var f siteFile
	raw, err := os.ReadFile(path)
	if err != nil {
		return f, fmt.Errorf("site file: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		detail := err.Error()
		var several *yaml.TypeError
		if errors.As(err, &several) {
			detail = strings.Join(several.Errors, "; ")
		}
		detail = notAKey.ReplaceAllString(strings.TrimPrefix(detail, "yaml: "), "$1 is not a key")
		return f, &surgecast.FieldError{Field: path, Detail: detail, Remedy: "See examples/worldcup.yaml for every key."}
	}
	f.Replay.line = lineOf(raw, "replay")
	if _, err := f.toSite(); err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	for i, ft := range f.Topics {
		t := ft.toTopic(time.Time{})
		err := t.Check()
		if err == nil {
			err = matchable(t)
		}
		if err != nil {
			return f, fmt.Errorf("%s: topics, entry %d: %w", path, i+1, err)
		}
	}
	for i, h := range f.Webhooks {
		if err := h.check(); err != nil {
			return f, fmt.Errorf("%s: webhooks, entry %d: %w", path, i+1, err)
		}
	}
	return f, nil
}

// lineOf is the line a key of the file's top level stands on, 0 if it does not.
func lineOf(raw []byte, key string) int {
	var doc yaml.Node
	if yaml.Unmarshal(raw, &doc) != nil || len(doc.Content) == 0 {
		return 0
	}
	top := doc.Content[0].Content
	for i := 0; i+1 < len(top); i += 2 {
		if top[i].Value == key {
			return top[i].Line
		}
	}
	return 0
}

// notAKey is how the decoder says that a key is unknown, in the words of this program's source.
var notAKey = regexp.MustCompile(`field (\S+) not found in type \S+`)

// toTopic turns a topic of the file into one that is watched from since on.
func (f siteFileTopic) toTopic(since time.Time) surgecast.Topic {
	t := surgecast.Topic{AccountID: surgecast.DefaultAccount, Slug: f.Topic, Name: f.Name, Any: f.Any, And: f.And, Not: f.Not, Since: since}
	t.Default()
	return t
}

// toSite turns the file into a site, with the defaults a new site gets.
func (f siteFile) toSite() (surgecast.Site, error) {
	c := f.Capacity
	s := surgecast.Site{
		AccountID: surgecast.DefaultAccount,
		Slug:      f.Site, Name: f.Name, Kind: surgecast.SiteKind(f.Kind), TimeZone: f.TimeZone, Mode: surgecast.Mode(f.Mode),
		Capacity: surgecast.CapacityProfile{
			Units: c.Units, MinUnits: c.MinUnits, MaxUnits: c.MaxUnits, RPMPerUnit: c.RPMPerUnit, WorkersPerUnit: c.WorkersPerUnit, ServiceSeconds: c.ServiceSeconds,
			LeadTimeP50Seconds: int(c.LeadTimeP50.Seconds()), LeadTimeP95Seconds: int(c.LeadTimeP95.Seconds()),
			SustainMinutes: c.SustainMinutes, P95LimitMS: c.P95LimitMS,
			CostLostRequest: c.CostLostRequest, CostIdleUnitHour: c.CostIdleUnitHour, Currency: c.Currency,
			TargetQuantile: c.TargetQuantile, AlertProbability: c.AlertProbability, MaxExtraUnitHoursPerDay: c.MaxExtraUnitHoursPerDay,
		},
	}
	s.Default()
	return s, s.Check()
}
