package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"surgecast/engine"
)

// Series kept apart: no part of the arena, so nothing was tuned to them. Each set has two halves. The model's last
// change was made with the one in sight; the other says what the change is worth where nobody looked.
const (
	apartSeed = 20111015 // of the origins: the same ones on every run

	cascadeMinutes = 7*1440 - 1 // what the source kept of each
	cascadeAhead   = 60
	cascadeYoung   = 480 // minutes after the post

	videosAtRandom   = 1700 // of the stratum drawn by hash
	videoAhead       = 7
	videoPeakFrom    = 21  // the upload has its own peak, which no surge is
	videoPeakBefore  = 106 // later ones leave no room for origins and horizon
	videoDaysBefore  = 4   // the highest day
	videoDaysAfter   = 5
	videosOfTheArena = "youtube_paired"
)

// cascadeAges are bands of minutes after the post; each holds one origin of every cascade.
var cascadeAges = []int{15, 60, 120, 240, cascadeYoung, 960, 1440, 2880, 4320, 7200}

// videoAges are bands of days, one origin of every video of the random stratum each.
var videoAges = []int{30, 70, 112}

// apart is a set of such series.
type apart struct {
	set
	conditions [2]string       // what its origins are called, those not marked as surge first
	looked     map[string]bool // series of the half the model's last change was made with; the others are the other
}

// halves of a set kept apart.
var halves = [...]string{"looked at", "not looked at"}

// kept is how good the forecasts are on one condition of one half of a set, or on all of a half (OVERALL).
type kept struct {
	set, half, condition string
	wql                  float64
	rule                 ruled
	hits                 hits
	forecasts, series    int
}

// name is what lists call it.
func (v kept) name() string {
	if v.set == overall {
		return "series kept apart, " + v.half
	}
	return v.set + ", " + v.condition + ", " + v.half
}

// hits counts where values fell.
type hits struct{ n, inside80, below95 int }

func (h *hits) add(q []float64, y float64) {
	h.n++
	if y >= q[1] && y <= q[5] {
		h.inside80++
	}
	if y <= q[6] {
		h.below95++
	}
}

func (h *hits) join(o hits) {
	h.n, h.inside80, h.below95 = h.n+o.n, h.inside80+o.inside80, h.below95+o.below95
}

func (h hits) share(k int) float64 { return float64(k) / float64(h.n) }

// fate is one origin: what ours and each rule lost there.
type fate struct {
	ours   loss
	hits   hits
	theirs []loss
}

// apart measures the sets kept apart; a folder that is not there leaves all of them out.
func (p *report) apart(ctx context.Context, a *arena, data string) error {
	var missing *fs.PathError
	sets, err := openApart(a, data)
	if errors.As(err, &missing) && errors.Is(err, fs.ErrNotExist) {
		name, err := filepath.Rel(data, missing.Path)
		p.noApart = "there was no " + filepath.ToSlash(name)
		return err
	}
	if err != nil {
		return err
	}
	fates := make([][]fate, len(sets))
	for i, s := range sets {
		if fates[i], err = s.forecast(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	for h, half := range halves {
		all := kept{set: overall, half: half, wql: 1, rule: ruled{name: "best of each", wql: 1}}
		var groups [][]pair
		var rows []kept
		for i, s := range sets {
			for k, c := range s.conditions {
				v, bl := s.sum(fates[i], func(o origin) bool { return o.surge == (k == 1) && s.looked[o.series] == (h == 0) })
				if v.forecasts == 0 {
					continue
				}
				v.half, v.condition = half, c
				rows, groups = append(rows, v), append(groups, bl)
			}
		}
		for _, v := range rows {
			all.wql *= math.Pow(v.wql, 1/float64(len(rows)))
			all.rule.wql *= math.Pow(v.rule.wql, 1/float64(len(rows)))
			all.forecasts += v.forecasts
		}
		for _, s := range sets {
			seen := map[string]bool{}
			for _, o := range s.origins {
				if s.looked[o.series] == (h == 0) {
					seen[o.series] = true
				}
			}
			all.series += len(seen)
		}
		if len(rows) > 0 {
			all.rule.ratio = bootstrap(groups)
			p.kept = append(append(p.kept, rows...), all)
		}
	}
	return nil
}

// sum is how good the forecasts are at the origins taken; blocks are series, because what becomes of one post is
// one fate.
func (s *apart) sum(fates []fate, take func(origin) bool) (kept, []pair) {
	v := kept{set: s.Name}
	total := make([]loss, len(rules))
	var ours loss
	for i, o := range s.origins {
		if !take(o) {
			continue
		}
		v.forecasts++
		ours.join(fates[i].ours)
		v.hits.join(fates[i].hits)
		for r := range total {
			total[r].join(fates[i].theirs[r])
		}
	}
	if v.forecasts == 0 {
		return v, nil
	}
	best := least(total)
	var b blocks
	for i, o := range s.origins {
		if take(o) {
			x, y := fates[i].ours, fates[i].theirs[best]
			b.add(o.series, 0, pair{x.pin, y.pin, x.abs, y.abs})
		}
	}
	v.wql, v.series = ours.wql(), len(b.list)
	v.rule = ruled{name: rules[best].name, wql: total[best].wql(), ratio: bootstrap([][]pair{b.list})}
	return v, b.list
}

// forecast steps every series once and forecasts at its origins, by the production model and by the rules.
func (s *apart) forecast(ctx context.Context) ([]fate, error) {
	names := s.names()
	of := map[string][]int{}
	for i, o := range s.origins { // of one series they rise
		of[o.series] = append(of[o.series], i)
	}
	out := make([]fate, len(s.origins))
	return out, each(len(names), func(n int) error {
		d := s.series[names[n]]
		if len(of[names[n]]) == 0 {
			return nil
		}
		horizon := s.horizon(names[n])
		c, err := engine.NewCourse(engine.CourseConfig{Ticks: d.ticks, StepSeconds: d.step, Horizons: []int{horizon}})
		if err != nil {
			return err
		}
		for _, i := range of[names[n]] {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, at := &out[i], d.at(s.origins[i].unix)
			if err := follow(c, d, at, horizon, func(q []float64, y float64) {
				f.ours.add(q, y)
				f.hits.add(q, y)
			}); err != nil {
				return fmt.Errorf("%s: %w", names[n], err)
			}
			for _, r := range rules {
				f.theirs = append(f.theirs, r.forecast(d, at, horizon, s.Season[names[n]]))
			}
		}
		return nil
	})
}

func openApart(a *arena, data string) ([]*apart, error) {
	cascades, err := readCascades(filepath.Join(data, "retweet_cascades"))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(a.all(), func(s *set) bool { return s.Name == videosOfTheArena })
	if i < 0 {
		return nil, fmt.Errorf("the arena has no set %s, so nobody can tell which videos were looked at", videosOfTheArena)
	}
	videos, err := readVideos(filepath.Join(data, "active_youtube"), a.all()[i].series)
	return []*apart{cascades, videos}, err
}

// newApart is an empty set, and where the chance of its origins comes from.
func newApart(name, regular, surge string) (*apart, *rand.Rand) {
	return &apart{
		set:        set{Name: name, Season: map[string]int{}, series: map[string]*dense{}},
		conditions: [2]string{regular, surge}, looked: map[string]bool{},
	}, rand.New(rand.NewPCG(apartSeed, 1))
}

// place adds an origin where the whole horizon lies inside the series.
func (s *apart) place(name string, at, horizon int, surge bool) {
	if d := s.series[name]; at+horizon < len(d.y) {
		s.origins = append(s.origins, origin{series: name, unix: d.unix(at), horizon: horizon, surge: surge})
	}
}

// readCascades reads retweets a minute from the post on. The file leaves out minutes without any: they are zeros.
func readCascades(dir string) (*apart, error) {
	count, err := readCounts(filepath.Join(dir, "mentions_1min_sparse.csv.gz"), "mentions")
	if err != nil {
		return nil, err
	}
	s, r := newApart("retweet_cascades", "later", "first 8 hours")
	for i, name := range slices.Sorted(maps.Keys(count)) {
		at := map[int64]float64{}
		for _, t := range count[name] {
			at[t.Unix] = t.Value
		}
		ticks := make([]engine.Tick, cascadeMinutes)
		for m := range ticks {
			unix := count[name][0].Unix + int64(m)*60
			ticks[m] = engine.Tick{Unix: unix, Value: at[unix]}
		}
		s.series[name], s.Season[name], s.looked[name] = newDense(ticks, 60), 1440, i%2 == 0
		for k, from := range cascadeAges[:len(cascadeAges)-1] {
			s.place(name, from+r.IntN(cascadeAges[k+1]-from), cascadeAhead, from < cascadeYoung)
		}
	}
	return s, nil
}

// readVideos reads views a day of the videos that are not in the arena.
func readVideos(dir string, arena map[string]*dense) (*apart, error) {
	rows, err := table(filepath.Join(dir, "videos.csv"), "series", "stratum")
	if err != nil {
		return nil, err
	}
	stratum := map[string]string{}
	for _, r := range rows {
		stratum[r[0]] = r[1]
	}
	views, err := readCounts(filepath.Join(dir, "daily_shares_views.csv.gz"), "views")
	if err != nil {
		return nil, err
	}
	var random, surge []string
	for _, name := range slices.Sorted(maps.Keys(views)) {
		switch {
		case arena[name] != nil:
		case stratum[name] == "random":
			random = append(random, name)
		case stratum[name] == "surge":
			surge = append(surge, name)
		default:
			return nil, fmt.Errorf("%s: videos.csv names no known stratum of video %s", dir, name)
		}
	}
	hash := func(name string) string { h := sha256.Sum256([]byte("x" + name)); return string(h[:]) }
	slices.SortFunc(random, func(a, b string) int { return strings.Compare(hash(a), hash(b)) })
	s, r := newApart("active_youtube", "regular", "surge")
	take := func(name string, looked bool) *dense {
		d := newDense(views[name], 86400)
		s.series[name], s.Season[name], s.looked[name] = d, 7, looked
		return d
	}
	for i, name := range random[:min(len(random), videosAtRandom)] {
		take(name, i%4 == 0)
		for k, from := range videoAges[:len(videoAges)-1] {
			s.place(name, from+r.IntN(videoAges[k+1]-from), videoAhead, false)
		}
	}
	for i, name := range surge {
		d := take(name, i%2 == 0)
		peak := videoPeakFrom
		for day := peak; day < len(d.y); day++ {
			if d.y[day] > d.y[peak] {
				peak = day
			}
		}
		days := r.Perm(videoDaysBefore + 1 + videoDaysAfter)[:2]
		slices.Sort(days)
		for _, k := range days {
			if peak < videoPeakBefore {
				s.place(name, peak-videoDaysBefore+k, videoAhead, true)
			}
		}
	}
	return s, nil
}

// readCounts reads one column of a file of many series, each by time.
func readCounts(path, column string) (map[string][]engine.Tick, error) {
	rows, err := table(path, "timestamp_utc", "series", column)
	if err != nil {
		return nil, err
	}
	out := map[string][]engine.Tick{}
	for _, r := range rows {
		unix, err := moment(r[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		v, err := strconv.ParseFloat(r[2], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %s %q: %w", path, column, r[2], err)
		}
		out[r[1]] = append(out[r[1]], engine.Tick{Unix: unix, Value: v})
	}
	for _, t := range out {
		slices.SortFunc(t, func(a, b engine.Tick) int { return cmp.Compare(a.Unix, b.Unix) })
	}
	return out, nil
}
