package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"surgecast"
	"surgecast/traffic"
	"surgecast/traffic/accesslog"
	"surgecast/traffic/prometheus"
)

// trafficFile says where the sites' own traffic is read (docs/traffic.md). It is the only place addresses
// of Prometheus and paths of logs come from.
type trafficFile struct {
	Sites []trafficFileSite `yaml:"sites"`
}

type trafficFileSite struct {
	Site       string                 `yaml:"site"`
	Prometheus *trafficFilePrometheus `yaml:"prometheus"`
	AccessLog  *trafficFileLog        `yaml:"access_log"`
}

type trafficFileQueries struct {
	Requests  string `yaml:"requests"`
	Errors    string `yaml:"errors"`
	Rejected  string `yaml:"rejected"`
	P95       string `yaml:"p95_seconds"`
	P95Millis string `yaml:"p95_ms"`
	Units     string `yaml:"units"`
}

type trafficFilePrometheus struct {
	URL          string `yaml:"url"`
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	PasswordEnv  string `yaml:"password_env"`
	TokenFile    string `yaml:"token_file"`
	TokenEnv     string `yaml:"token_env"`

	trafficFileQueries `yaml:",inline"`
	Segments           []struct {
		Name               string `yaml:"name"`
		trafficFileQueries `yaml:",inline"`
	} `yaml:"segments"`

	Settle  time.Duration `yaml:"settle"`
	History time.Duration `yaml:"history"`
	Reread  int           `yaml:"reread"`
	Timeout time.Duration `yaml:"timeout"`
}

type trafficFileLog struct {
	Files    []string `yaml:"files"`
	Format   string   `yaml:"format"`
	TimeUnit string   `yaml:"time_unit"`
	Keys     struct {
		Time     string `yaml:"time"`
		Status   string `yaml:"status"`
		Path     string `yaml:"path"`
		Duration string `yaml:"duration"`
		Agent    string `yaml:"agent"`
	} `yaml:"keys"`
	Late     time.Duration `yaml:"late"`
	History  time.Duration `yaml:"history"`
	Rejected []int         `yaml:"rejected"`
	Exclude  struct {
		Static bool     `yaml:"static"`
		Paths  []string `yaml:"paths"`
		Agents []string `yaml:"agents"`
	} `yaml:"exclude"`
	Segments []struct {
		Name     string   `yaml:"name"`
		Prefixes []string `yaml:"prefixes"`
		Patterns []string `yaml:"patterns"`
	} `yaml:"segments"`
}

const promEvery = 5 * time.Second

// readTrafficFile reads and checks the file; without one there is nothing to read. Nothing is asked for or
// opened but the secrets it names.
func readTrafficFile(path, stateDir string, clock surgecast.Clock) ([]traffic.Source, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("traffic file: %w", err)
	}
	var f trafficFile
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		detail := err.Error()
		var several *yaml.TypeError
		if errors.As(err, &several) {
			detail = strings.Join(several.Errors, "; ")
		}
		detail = notAKey.ReplaceAllString(strings.TrimPrefix(detail, "yaml: "), "$1 is not a key")
		return nil, &surgecast.FieldError{Field: path, Detail: detail, Remedy: "See docs/traffic.md for every key."}
	}
	var sources []traffic.Source
	seen := map[string]bool{}
	for i, s := range f.Sites {
		wrong := func(err error) error {
			var fe *surgecast.FieldError
			if errors.As(err, &fe) {
				fe.Field = fmt.Sprintf("%s: site %s, %s", path, s.Site, fe.Field)
				return fe
			}
			return fmt.Errorf("%s: site %s: %w", path, s.Site, err)
		}
		switch {
		case !surgecast.ValidSlug(s.Site):
			return nil, &surgecast.FieldError{Field: fmt.Sprintf("%s: entry %d, site", path, i+1), Value: s.Site, Detail: "is not a site's name", Remedy: "Use the name given to `forecaster site add`."}
		case seen[s.Site]:
			return nil, wrong(&surgecast.FieldError{Field: "site", Detail: "stands twice", Remedy: "A site's traffic comes from one place; join the entries."})
		case (s.Prometheus == nil) == (s.AccessLog == nil):
			return nil, wrong(&surgecast.FieldError{Field: "prometheus, access_log", Detail: "exactly one of the two is needed", Remedy: "Say where this site's traffic is read."})
		}
		seen[s.Site] = true
		src := traffic.Source{Account: surgecast.DefaultAccount, Site: s.Site}
		if s.Prometheus != nil {
			c, err := s.Prometheus.config(filepath.Dir(path))
			if err != nil {
				return nil, wrong(err)
			}
			if _, err := prometheus.Open(c, surgecast.Frontier{}, clock()); err != nil {
				return nil, wrong(err)
			}
			src.Kind, src.Every = "prometheus", promEvery
			src.Open = func(_ context.Context, known surgecast.Frontier) (traffic.Reader, error) {
				return prometheus.Open(c, known, clock())
			}
		} else {
			c, err := s.AccessLog.config()
			if err != nil {
				return nil, wrong(err)
			}
			c.Default()
			if err := c.Check(); err != nil {
				return nil, wrong(err)
			}
			c.Place, c.Clock = filepath.Join(stateDir, "traffic", s.Site+".json"), clock
			src.Kind, src.Every = "access log", pace.logs
			src.Open = func(context.Context, surgecast.Frontier) (traffic.Reader, error) { return accesslog.Open(c) }
		}
		sources = append(sources, src)
	}
	return sources, nil
}

func (f *trafficFilePrometheus) config(dir string) (prometheus.Config, error) {
	c := prometheus.Config{URL: f.URL, User: f.User, Settle: f.Settle, History: f.History, Reread: f.Reread, Timeout: f.Timeout}
	var err error
	if c.Password, err = secret("password", dir, f.PasswordFile, f.PasswordEnv); err != nil {
		return c, err
	}
	if c.Token, err = secret("token", dir, f.TokenFile, f.TokenEnv); err != nil {
		return c, err
	}
	if u, err := url.Parse(f.URL); err == nil && u.Scheme == "http" && (c.Token != "" || c.Password != "") && !onLoopback(u.Hostname()) {
		return c, &surgecast.FieldError{Field: "url", Value: u.Host, Detail: "would send a secret over http in the open", Remedy: "Use https, or an address of this machine."}
	}
	unit := time.Duration(0)
	queries := func(q trafficFileQueries) (prometheus.Queries, error) {
		p, of := q.P95, time.Second
		if q.P95Millis != "" {
			p, of = q.P95Millis, time.Millisecond
		}
		if q.P95 != "" && q.P95Millis != "" || p != "" && unit != 0 && unit != of {
			return prometheus.Queries{}, &surgecast.FieldError{Field: "p95_seconds, p95_ms", Detail: "both are used", Remedy: "Use one of the two in all entries of a site."}
		}
		if p != "" {
			unit = of
		}
		return prometheus.Queries{Requests: q.Requests, Errors: q.Errors, Rejected: q.Rejected, P95: p, Units: q.Units}, nil
	}
	if c.Queries, err = queries(f.trafficFileQueries); err != nil {
		return c, err
	}
	c.Segments = map[string]prometheus.Queries{}
	for _, s := range f.Segments {
		if _, twice := c.Segments[s.Name]; twice {
			return c, &surgecast.FieldError{Field: "segments", Value: s.Name, Detail: "stands twice", Remedy: "Join the two queries."}
		}
		if c.Segments[s.Name], err = queries(s.trafficFileQueries); err != nil {
			return c, err
		}
	}
	c.P95Unit = unit
	return c, nil
}

func (f *trafficFileLog) config() (accesslog.Config, error) {
	c := accesslog.Config{
		Files: f.Files, Format: f.Format, Keys: accesslog.Keys(f.Keys), Late: f.Late, History: f.History,
		Rejected: f.Rejected, Exclude: accesslog.Exclude(f.Exclude),
	}
	units := map[string]time.Duration{"": 0, "s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": time.Nanosecond}
	unit, ok := units[f.TimeUnit]
	if !ok {
		return c, &surgecast.FieldError{Field: "time_unit", Value: f.TimeUnit, Detail: "is not a unit", Remedy: "Use s, ms, us or ns; leave it out if the format tells."}
	}
	c.TimeUnit = unit
	for _, s := range f.Segments {
		c.Segments = append(c.Segments, accesslog.Rule(s))
	}
	return c, nil
}

// secret reads what a file or a variable holds; a relative path lies beside the traffic file.
func secret(what, dir, file, variable string) (string, error) {
	switch {
	case file != "" && variable != "":
		return "", &surgecast.FieldError{Field: what + "_file, " + what + "_env", Detail: "both are given", Remedy: "Use one."}
	case variable != "":
		v := os.Getenv(variable)
		if v == "" {
			return "", &surgecast.FieldError{Field: what + "_env", Value: variable, Detail: "this variable is not set", Remedy: "Set it for the service."}
		}
		return v, nil
	case file != "":
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("%s_file: %w", what, err)
		}
		v := strings.TrimSpace(string(b))
		if v == "" {
			return "", &surgecast.FieldError{Field: what + "_file", Value: file, Detail: "is empty", Remedy: "Put the " + what + " into it."}
		}
		return v, nil
	}
	return "", nil
}

func onLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback() // a name such as 127.example.com is anybody's
}

// newTraffic makes what reads the sites' own traffic.
func newTraffic(a *app, sources []traffic.Source) *traffic.Runner {
	return traffic.New(traffic.Config{Store: a.db.Store, Clock: a.clock, Logger: a.g.log, Registry: a.reg, Holder: a.holder, Sources: sources, LeaseTTL: pace.lease})
}
