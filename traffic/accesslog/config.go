// Package accesslog counts a site's minutes from the access logs of its web servers.
//
// A minute is the number of lines that carry a time of it, over all files of the log: the one being
// written, those rotated away, compressed or not. So the count of a minute follows from the bytes on the
// disk alone. What is remembered between runs (place.go) is from which minute on lines still count, and
// for each file an offset before which none of those minutes begin; a process that is killed reads the
// open minutes again from their first byte and arrives at the same numbers.
//
// A line may stand in a file up to ten minutes after its time. Nothing of a line but its minute, status,
// duration and segment outlives the call that read it.
package accesslog

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"surgecast"
)

// Config says where one site's logs are and how to read them.
type Config struct {
	Files  []string // paths or globs; rotated siblings (.1, .2.gz, -20260101.gz) are found by themselves
	Format string   // auto, common, combined, json, envoy, or a format string (see compile)

	Keys     Keys          // of JSON lines; empty ones are found by themselves
	TimeUnit time.Duration // of durations without a unit; 0: by the format

	Late    time.Duration // a minute counts as complete so long after its end
	History time.Duration // how far back the first contact reads

	Rejected []int   // statuses that turn a visitor away
	Exclude  Exclude // lines that are not demand
	Segments []Rule  // the first that fits takes the line
	Place    string  // file that remembers how far the logs were read; "" remembers nothing
	// Clock is asked again before a line is dropped as ahead of the clock: a process that was stopped in the middle of a
	// poll reads on with the time from before. nil: the time of the poll is all there is.
	Clock surgecast.Clock
	rules compiled // of Check
}

// Keys name the fields of JSON lines, as gjson paths (request.uri).
type Keys struct {
	Time, Status, Path, Duration, Agent string
}

// Exclude says which lines are left out of all counts.
type Exclude struct {
	Static bool     // images, styles, scripts, fonts, films, by the ending of the path
	Paths  []string // prefixes of the path
	Agents []string // parts of the user agent, in any case
}

// Rule is what makes a line one of a segment: a path that begins with a prefix or matches a pattern (RE2).
type Rule struct {
	Name     string
	Prefixes []string
	Patterns []string
}

type compiled struct {
	segments []segment
	static   bool
	paths    []string
	agents   []string // lower case
	rejected map[int]bool
	parse    parser
}

type segment struct {
	name     string
	prefixes []string
	patterns []*regexp.Regexp
}

// staticEnding are paths a cache or the disk serves.
var staticEnding = regexp.MustCompile(`(?i)\.(css|js|mjs|map|png|jpe?g|gif|webp|avif|svg|ico|woff2?|ttf|otf|eot|mp4|webm|mp3|txt\.gz)$`)

// Default fills in what was left open.
func (c *Config) Default() {
	if c.Format == "" {
		c.Format = "auto"
	}
	if c.Late == 0 {
		c.Late = 10 * time.Second
	}
	if c.History == 0 {
		c.History = 28 * 24 * time.Hour
	}
	if c.Rejected == nil {
		c.Rejected = []int{429, 503}
	}
}

// Check prepares the rules, or returns the first thing wrong as a FieldError.
func (c *Config) Check() error {
	bad := func(field, value, detail, remedy string) error {
		return &surgecast.FieldError{Field: field, Value: value[:min(len(value), 100)], Detail: detail, Remedy: remedy}
	}
	switch {
	case len(c.Files) == 0:
		return bad("files", "", "are missing", "For example [/var/log/nginx/access.log].")
	case len(c.Files) > 64:
		return bad("files", fmt.Sprint(len(c.Files)), "are too many", "Use at most 64 paths; one may be a glob.")
	case c.Late < 0 || c.Late > window/2:
		return bad("late", c.Late.String(), "is out of range", "Use 0s to 5m; 10s is usual, more if the server buffers its log.")
	case c.History < 0 || c.History > 400*24*time.Hour:
		return bad("history", c.History.String(), "is out of range", "Use at most 9600h.")
	case len(c.Segments) > surgecast.MaxSegments:
		return bad("segments", fmt.Sprint(len(c.Segments)), "are too many", fmt.Sprintf("A site has at most %d.", surgecast.MaxSegments))
	}
	for _, f := range c.Files {
		if _, err := filepath.Match(f, ""); err != nil {
			return bad("files", f, "is not a pattern of paths", "Close its brackets.")
		}
		if !filepath.IsAbs(f) {
			return bad("files", f, "is not an absolute path", "Begin it with /.")
		}
	}
	p, err := newParser(c)
	if err != nil {
		return err
	}
	c.rules = compiled{parse: p, static: c.Exclude.Static, paths: c.Exclude.Paths, rejected: map[int]bool{}}
	for _, s := range c.Rejected {
		if s < 400 || s > 599 {
			return bad("rejected", fmt.Sprint(s), "is not a status that turns a visitor away", "Use statuses from 400 to 599; 429 and 503 are usual.")
		}
		c.rules.rejected[s] = true
	}
	for _, a := range c.Exclude.Agents {
		c.rules.agents = append(c.rules.agents, strings.ToLower(a))
	}
	seen := map[string]bool{}
	for _, r := range c.Segments {
		switch {
		case !surgecast.ValidSlug(r.Name) || r.Name == surgecast.TotalSegment:
			return bad("segments.name", r.Name, "is not a segment's name", "Use 1 to 63 of a-z, 0-9 and -; total is the whole site.")
		case seen[r.Name]:
			return bad("segments.name", r.Name, "stands twice", "Join the two: a segment may have several prefixes and patterns.")
		case len(r.Prefixes)+len(r.Patterns) == 0:
			return bad("segments."+r.Name, "", "has no rule", "Give prefixes or patterns of its paths.")
		}
		seen[r.Name] = true
		s := segment{name: r.Name, prefixes: r.Prefixes}
		for _, p := range r.Patterns {
			re, err := regexp.Compile(p)
			if err != nil {
				return bad("segments."+r.Name+".patterns", p, "is not a regular expression", "See https://github.com/google/re2/wiki/Syntax.")
			}
			s.patterns = append(s.patterns, re)
		}
		c.rules.segments = append(c.rules.segments, s)
	}
	return nil
}

// excludes reports whether a line is not demand.
func (c *compiled) excludes(l *line) bool {
	for _, p := range c.paths {
		if strings.HasPrefix(string(l.path), p) {
			return true
		}
	}
	if c.static && staticEnding.Match(l.path) {
		return true
	}
	if len(c.agents) > 0 && len(l.agent) > 0 {
		agent := strings.ToLower(string(l.agent))
		for _, a := range c.agents {
			if strings.Contains(agent, a) {
				return true
			}
		}
	}
	return false
}

// segmentOf is the index of the first rule a path fits, -1 when it fits none.
func (c *compiled) segmentOf(path []byte) int {
	for i := range c.segments {
		s := &c.segments[i]
		for _, p := range s.prefixes {
			if strings.HasPrefix(string(path), p) {
				return i
			}
		}
		for _, re := range s.patterns {
			if re.Match(path) {
				return i
			}
		}
	}
	return -1
}
