package main

import (
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"surgecast/engine"
)

func write(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines, "\n") + "\n"
	if strings.HasSuffix(path, ".gz") {
		z := gzip.NewWriter(f)
		_, err = z.Write([]byte(text))
		if err == nil {
			err = z.Close()
		}
	} else {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func stamp(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }

// retweets are those of a made-up minute after a post: a decay with most minutes empty.
func retweets(m int) int {
	if m == 1 || m == 3 || m == 7 || m%20 == 0 {
		return 1 + 9000/(m+10)
	}
	return 0
}

// writeCascades makes sparse files of such posts, longer than what is kept of them; each is posted at its own minute.
func writeCascades(t *testing.T, data string, names ...string) {
	t.Helper()
	lines := []string{"timestamp_utc,series,mentions,reach"}
	for i, name := range names {
		posted := int64(i+1) * 7260
		for m := 7*1440 + 300; m >= 0; m-- { // the order of rows is nobody's promise
			if n := retweets(m); n > 0 {
				lines = append(lines, fmt.Sprintf("%s,%s,%d,1", stamp(posted+60*int64(m)), name, n))
			}
		}
	}
	write(t, filepath.Join(data, "retweet_cascades", "mentions_1min_sparse.csv.gz"), lines...)
}

// writeVideos makes files of so many days each; the highest day is the one given.
func writeVideos(t *testing.T, data string, videos ...[4]any) {
	t.Helper()
	list, views := []string{"series,stratum"}, []string{"timestamp_utc,series,shares,views"}
	for _, v := range videos {
		list = append(list, fmt.Sprintf("%v,%v", v[0], v[1]))
		for day := range v[2].(int) {
			n := 100 + 10*(day%7)
			if day == v[3] {
				n = 5000
			}
			views = append(views, fmt.Sprintf("%s,%v,1,%d", stamp(int64(day)*86400), v[0], n))
		}
	}
	write(t, filepath.Join(data, "active_youtube", "videos.csv"), list...)
	write(t, filepath.Join(data, "active_youtube", "daily_shares_views.csv.gz"), views...)
}

// whole tells whether the halves hold every series once and every origin leaves room for its horizon.
func whole(t *testing.T, s *apart) {
	t.Helper()
	if len(s.looked) != len(s.series) {
		t.Errorf("%s: %d series have a half, of %d", s.Name, len(s.looked), len(s.series))
	}
	seen := map[placed]bool{}
	for _, o := range s.origins {
		d := s.series[o.series]
		if _, ok := s.looked[o.series]; !ok || d == nil {
			t.Errorf("%s: the origin of %q is in no half", s.Name, o.series)
			continue
		}
		if at := d.at(o.unix); d.unix(at) != o.unix || at < 1 || at+o.horizon >= len(d.y) {
			t.Errorf("%s: origin %d of %q and %d steps are not inside its %d", s.Name, at, o.series, o.horizon, len(d.y))
		}
		if k := (placed{o.series, o.unix}); seen[k] {
			t.Errorf("%s: %q has the origin %d twice", s.Name, o.series, o.unix)
		} else {
			seen[k] = true
		}
	}
}

// Fails when: minutes left out are not filled with zeros, a half takes its neighbour's posts, or a band has no origin.
func TestCascadesKeptApart(t *testing.T) {
	data := t.TempDir()
	writeCascades(t, data, "c", "a", "e", "b", "d")
	dir := filepath.Join(data, "retweet_cascades")
	s, err := readCascades(dir)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, s)
	for name, want := range map[string]bool{"a": true, "b": false, "c": true, "d": false, "e": true} { // by place in the alphabet
		if got, ok := s.looked[name]; !ok || got != want {
			t.Errorf("%s looked at: %v, want %v", name, got, want)
		}
		d := s.series[name]
		if len(d.y) != 7*1440-1 || len(d.ticks) != len(d.y) {
			t.Fatalf("%s has %d steps and %d values, want every minute of 7 days less one", name, len(d.y), len(d.ticks))
		}
		for m, v := range d.y {
			if v != float64(retweets(m)) {
				t.Errorf("%s, minute %d: %v, want %v", name, m, v, retweets(m))
			}
		}
		var ages []int
		for _, o := range s.origins {
			if o.series == name {
				ages = append(ages, d.at(o.unix))
				if o.surge != (d.at(o.unix) < 480) || o.horizon != 60 {
					t.Errorf("%s, minute %d: young %v, %d minutes ahead", name, d.at(o.unix), o.surge, o.horizon)
				}
			}
		}
		bands := [][2]int{{15, 60}, {60, 120}, {120, 240}, {240, 480}, {480, 960}, {960, 1440}, {1440, 2880}, {2880, 4320}, {4320, 7200}}
		if len(ages) != len(bands) {
			t.Fatalf("%s has origins at %v, want one in each of %v", name, ages, bands)
		}
		for k, b := range bands {
			if ages[k] < b[0] || ages[k] >= b[1] {
				t.Errorf("%s: origin %d is at minute %d, want %d to %d", name, k, ages[k], b[0], b[1])
			}
		}
	}
	again, err := readCascades(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.origins, again.origins) {
		t.Error("a second reading has other origins")
	}
}

// Fails when: a video of the arena is let in, the order of the halves changes, or an origin lies outside its days.
func TestVideosKeptApart(t *testing.T) {
	data := t.TempDir()
	videos := [][4]any{{"in", "random", 120, 50}, {"peaked", "surge", 120, 50}} // of the arena
	for _, name := range []string{"a", "b", "c", "d", "f", "g", "h"} {
		videos = append(videos, [4]any{name, "random", 120, 60})
	}
	videos = append(videos, [4]any{"s2", "surge", 120, 105}, [4]any{"s4", "surge", 120, 106}, [4]any{"s1", "surge", 120, 21}, [4]any{"s3", "surge", 120, 3}, [4]any{"short", "random", 40, 5})
	writeVideos(t, data, videos...)
	dir := filepath.Join(data, "active_youtube")
	s, err := readVideos(dir, map[string]*dense{"in": counted(86400, 1), "peaked": counted(86400, 1)})
	if err != nil {
		t.Fatal(err)
	}
	whole(t, s)
	// The order of SHA-256 of "x" and the name is, from Python's hashlib, this.
	order := []string{"short", "c", "f", "d", "a", "g", "h", "b"}
	want := map[string]bool{"s1": true, "s2": false, "s3": true, "s4": false}
	for i, name := range order {
		want[name] = i == 0 || i == 4
	}
	for name, w := range want {
		if got, ok := s.looked[name]; !ok || got != w {
			t.Errorf("%s looked at: %v, want %v", name, got, w)
		}
	}
	if len(s.series) != len(want) {
		t.Errorf("series %v, want %d and none of the arena", s.names(), len(want))
	}
	at := map[string][]int{}
	for _, o := range s.origins {
		at[o.series] = append(at[o.series], s.series[o.series].at(o.unix))
		if o.horizon != 7 || o.surge != strings.HasPrefix(o.series, "s") {
			t.Errorf("%+v", o)
		}
	}
	for _, name := range order {
		if d := at[name]; name != "short" && (len(d) != 2 || d[0] < 30 || d[0] >= 70 || d[1] < 70 || d[1] >= 112) {
			t.Errorf("%s: origins at days %v, want one of 30–69 and one of 70–111", name, d)
		}
	}
	for name, peak := range map[string]int{"s1": 21, "s2": 105} {
		if d := at[name]; len(d) != 2 || d[0] < peak-4 || d[0] >= d[1] || d[1] > peak+5 {
			t.Errorf("%s: origins at days %v, want two around day %d", name, d, peak)
		}
	}
	if len(at["s4"]) != 0 { // its highest day leaves no room
		t.Errorf("s4: origins at days %v, want none", at["s4"])
	}
	if _, err := readVideos(dir, nil); err != nil {
		t.Fatal(err)
	}
	writeVideos(t, data, [4]any{"a", "elsewhere", 120, 60})
	if _, err := readVideos(dir, nil); err == nil || !strings.Contains(err.Error(), "video a") {
		t.Errorf("an unknown stratum: %v", err)
	}
}

// The last origin of ten steps and three ahead is the seventh step.
//
// Fails when: an origin is placed whose horizon reaches past the series.
func TestOriginsLeaveRoom(t *testing.T) {
	s, _ := newApart("x", "", "")
	s.series["a"] = counted(60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	for at := range 12 {
		s.place("a", at, 3, false)
	}
	if n := len(s.origins); n != 7 || s.origins[n-1].unix != 6*60 {
		t.Errorf("origins %+v, want seven up to step 6", s.origins)
	}
}

// Only so many of the stratum drawn by hash take part.
func TestVideosAtRandom(t *testing.T) {
	data := t.TempDir()
	var videos [][4]any
	for i := range 1710 {
		videos = append(videos, [4]any{fmt.Sprintf("v%04d", i), "random", 1, 0})
	}
	writeVideos(t, data, videos...)
	s, err := readVideos(filepath.Join(data, "active_youtube"), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, looked := range s.looked {
		if looked {
			n++
		}
	}
	if len(s.looked) != 1700 || n != 425 || len(s.origins) != 0 {
		t.Errorf("%d videos, %d of them looked at, %d origins; want 1700, 425, 0", len(s.looked), n, len(s.origins))
	}
}

// The sums of a row by hand: two series, three origins; the rule that loses least is the best; blocks are series.
//
// Fails when: origins of one series on different days are blocks of their own.
func TestSumKeptApart(t *testing.T) {
	s := &apart{set: set{Name: "x"}}
	var fates []fate
	for i, name := range []string{"a", "a", "b", "left out"} {
		s.origins = append(s.origins, origin{series: name, unix: int64(i) * 86400})
		f := fate{ours: loss{float64(1 + i), 10}, hits: hits{n: 10, inside80: 5 + i, below95: 9}}
		for r := range rules {
			f.theirs = append(f.theirs, loss{float64(5 + (r+3)%len(rules)), 10}) // 5 for rule 3
		}
		fates = append(fates, f)
	}
	v, bl := s.sum(fates, func(o origin) bool { return o.series != "left out" })
	near(t, "ours", v.wql, 2.*(1+2+3)/8/30)
	near(t, "the rule's", v.rule.wql, 2.*15/8/30)
	near(t, "their ratio", v.rule.ratio.Value, 6./15)
	near(t, "inside 80 %", v.hits.share(v.hits.inside80), 18./30)
	near(t, "below q.95", v.hits.share(v.hits.below95), 27./30)
	if v.rule.name != rules[3].name || v.forecasts != 3 || v.series != 2 || len(bl) != 2 || v.rule.ratio.Blocks != 2 {
		t.Errorf("%+v of %d blocks, want 3 forecasts of 2 series beside %s", v, len(bl), rules[3].name)
	}
}

// Bounds belong to the interval, as the arena's scorer has it.
func TestHits(t *testing.T) {
	var h hits
	q := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	for _, y := range []float64{1.9, 2, 6, 6.1, 7, 7.1} {
		h.add(q, y)
	}
	if h != (hits{n: 6, inside80: 2, below95: 5}) {
		t.Errorf("%+v", h)
	}
}

// From files to page: every origin is forecast by the production model, both halves have their rows, and the last of
// each is the geometric mean.
func TestSeriesKeptApart(t *testing.T) {
	data := t.TempDir()
	a := &arena{extras: []*set{{Name: "youtube_paired", series: map[string]*dense{"in": counted(86400, 1)}}}}
	var p report
	if err := p.apart(t.Context(), a, data); err != nil {
		t.Fatal(err)
	}
	o := &paper{}
	p.keptApart(o)
	if want := "left out: there was no retweet_cascades/mentions_1min_sparse.csv.gz.\n"; len(p.kept) != 0 || !strings.HasSuffix(o.String(), want) {
		t.Errorf("without files %d rows and %q", len(p.kept), o.String())
	}

	writeCascades(t, data, "p", "q")
	writeVideos(t, data, [4]any{"in", "random", 120, 60}, [4]any{"a", "random", 120, 60}, [4]any{"b", "random", 120, 70}, [4]any{"s1", "surge", 120, 40}, [4]any{"s2", "surge", 120, 90}, [4]any{"s3", "surge", 120, 110})
	p = report{verdicts: verdicts{Overall: map[string]*verdict{"regular": {}, "surge": {}}}}
	if err := p.apart(t.Context(), a, data); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, v := range p.kept {
		got = append(got, fmt.Sprintf("%s: %d of %d", v.name(), v.forecasts, v.series))
		near(t, v.name()+": the ratio", v.rule.ratio.Value, v.wql/v.rule.wql)
		if v.set == overall {
			product := 1.
			for _, x := range p.kept[i-4 : i] {
				product *= x.rule.ratio.Value
			}
			near(t, v.name(), v.rule.ratio.Value, math.Pow(product, 1./4))
			continue
		}
		ahead := 7
		if v.set == "retweet_cascades" {
			ahead = 60
		}
		if v.hits.n != v.forecasts*ahead || !(v.wql > 0) || !(v.rule.wql > 0) {
			t.Errorf("%s: %d values met %d forecasts, WQL %v", v.name(), v.hits.n, v.forecasts, v.wql)
		}
	}
	want := []string{
		"retweet_cascades, later, looked at: 5 of 1", "retweet_cascades, first 8 hours, looked at: 4 of 1",
		"active_youtube, regular, looked at: 2 of 1", "active_youtube, surge, looked at: 2 of 1", "series kept apart, looked at: 13 of 3",
		"retweet_cascades, later, not looked at: 5 of 1", "retweet_cascades, first 8 hours, not looked at: 4 of 1",
		"active_youtube, regular, not looked at: 2 of 1", "active_youtube, surge, not looked at: 2 of 1", "series kept apart, not looked at: 13 of 3",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	o = &paper{}
	p.keptApart(o)
	if n := strings.Count(o.String(), "\n| "); n != 1+len(p.kept) {
		t.Errorf("%d rows on the page, want the head and %d:\n%s", n, len(p.kept), o.String())
	}
	if _, ok := p.figures()["wql/series kept apart, not looked at"]; !ok {
		t.Error("what got worse here would not be told")
	}
	if err := p.apart(t.Context(), &arena{}, data); err == nil || !strings.Contains(err.Error(), "youtube_paired") {
		t.Errorf("without the arena's videos: %v", err)
	}
}

// What is shown stands beside the value that came, level by level, and a missing one is passed over.
func TestFollow(t *testing.T) {
	d := counted(60, 3, 5, 4, 6, 5, 7, math.NaN(), 9, 2)
	c, err := engine.NewCourse(engine.CourseConfig{Ticks: d.ticks, StepSeconds: 60, Horizons: []int{4}})
	if err != nil {
		t.Fatal(err)
	}
	var came []float64
	if err := follow(c, d, 4, 4, func(q []float64, y float64) {
		came = append(came, y)
		if len(q) != len(levels) || !slices.IsSorted(q) || q[7] <= q[0] {
			t.Errorf("quantiles %v", q)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(came, []float64{7, 9, 2}) {
		t.Errorf("values %v, want 7, 9 and 2", came)
	}
}
