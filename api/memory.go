package api

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"surgecast"
)

// memory is what /scale, /risk and the worklist answer from: the newest forecast of every site and
// segment, the last usable recommendation, and what people decided. No SQL behind a read.
type memory struct {
	interpolate func(dst []float64, leads []int, q [][]float64, profile []float64, profileStep, lead float64)

	mu     sync.RWMutex
	sites  map[int64]*standing
	slugs  map[slugKey]int64
	frozen map[int64]bool
	newest time.Time // highest IssuedAt seen
	orders int       // what people ordered through this process, counted: see lookAtPeople
}

type slugKey struct {
	account int64
	slug    string
}

// standing is where one site stands. What its pointers and its map lead to is never changed, only
// replaced: a copy of the struct stays true to its moment.
type standing struct {
	site     surgecast.Site
	latest   map[string]*surgecast.SiteForecast // by segment
	good     *surgecast.SiteForecast            // the last whose recommendation rests on traffic
	override *surgecast.Override
	surge    *surgecast.Surge      // open overload or failure of the site
	marks    []surgecast.SurgeMark // of that surge, oldest first
	spark    []float64             // median demand of the next 24 hours, one an hour
	starting bool                  // the memory was still being filled when this copy was made
	frozen   bool                  // a person stopped all acting of the account
	held     *int                  // the units that stand while frozen; nil: no number was known yet
}

// total is the site's newest forecast, nil before the first.
func (s *standing) total() *surgecast.SiteForecast { return s.latest[surgecast.TotalSegment] }

func newMemory(interpolate func([]float64, []int, [][]float64, []float64, float64, float64)) *memory {
	return &memory{
		interpolate: interpolate,
		sites:       map[int64]*standing{},
		slugs:       map[slugKey]int64{},
		frozen:      map[int64]bool{},
	}
}

// of is a copy of where a site stands.
func (m *memory) of(account int64, slug string) (standing, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s, ok := m.sites[m.slugs[slugKey{account, slug}]]
	if !ok {
		return standing{}, false
	}
	return *s, true
}

func (m *memory) byID(id int64) (standing, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s, ok := m.sites[id]
	if !ok {
		return standing{}, false
	}
	return *s, true
}

// all are copies of where the sites stand; account 0 means every account.
func (m *memory) all(account int64) []standing {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := make([]standing, 0, len(m.sites))
	for _, s := range m.sites {
		if account == 0 || s.site.AccountID == account {
			out = append(out, *s)
		}
	}
	slices.SortFunc(out, func(a, b standing) int {
		return cmp.Or(cmp.Compare(a.site.AccountID, b.site.AccountID), cmp.Compare(a.site.Slug, b.site.Slug))
	})
	return out
}

// putSites replaces the set of sites; what is known of those that stay is kept.
func (m *memory) putSites(sites []surgecast.Site) {
	m.mu.Lock()
	defer m.mu.Unlock()
	here := make(map[int64]bool, len(sites))
	for _, s := range sites {
		here[s.ID] = true
		m.putLocked(s)
	}
	for id := range m.sites {
		if !here[id] {
			m.dropLocked(id)
		}
	}
}

func (m *memory) put(s surgecast.Site) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.putLocked(s)
}

func (m *memory) putLocked(s surgecast.Site) {
	if old, ok := m.sites[s.ID]; ok {
		old.site = s
		return
	}
	m.sites[s.ID] = &standing{site: s, latest: map[string]*surgecast.SiteForecast{}, frozen: m.frozen[s.AccountID]}
	m.slugs[slugKey{s.AccountID, s.Slug}] = s.ID
}

func (m *memory) drop(id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropLocked(id)
}

func (m *memory) dropLocked(id int64) {
	if s, ok := m.sites[id]; ok {
		delete(m.slugs, slugKey{s.site.AccountID, s.site.Slug})
		delete(m.sites, id)
	}
}

// forecast takes in a forecast and reports whether it is news of a site that is known.
func (m *memory) forecast(f *surgecast.SiteForecast) (news bool) {
	var spark []float64
	if f.Segment == surgecast.TotalSegment {
		spark = m.hours(f)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sites[f.SiteID]
	if !ok {
		return false
	}
	if f.IssuedAt.After(m.newest) {
		m.newest = f.IssuedAt
	}
	if old := s.latest[f.Segment]; old != nil && (old.ID == f.ID || f.IssuedAt.Before(old.IssuedAt)) {
		return false
	}
	s.latest = maps.Clone(s.latest)
	s.latest[f.Segment] = f
	if f.Segment == surgecast.TotalSegment {
		s.spark = spark
		if usable(f) {
			s.good = f
		}
	}
	return true
}

// good remembers an older forecast with a usable recommendation, after a restart into a gap.
func (m *memory) remember(f *surgecast.SiteForecast) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.sites[f.SiteID]; ok && usable(f) && (s.good == nil || s.good.IssuedAt.Before(f.IssuedAt)) {
		s.good = f
	}
}

// silence is how long a site's traffic may be missing before a forecast made from what was known
// earlier no longer counts as knowledge (UX 2.0: no data after 10 minutes).
const silence = 10 * time.Minute

// usable reports whether the forecast's recommendation rests on traffic. One made in ignorance never
// replaces one that was not.
func usable(f *surgecast.SiteForecast) bool {
	if f.State == surgecast.StateCannotTell || f.Recommendation.Units < 0 {
		return false
	}
	step := time.Duration(f.StepSeconds) * time.Second
	return f.Origin.IsZero() || f.IssuedAt.Sub(f.Origin.Add(step)) <= silence+step
}

func (m *memory) seenUntil() time.Time {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.newest
}

// ordered is how often a person's word came in through this process.
func (m *memory) ordered() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.orders
}

// putOverrides replaces what people ordered, as it was read from the database. When somebody ordered something here
// after the reading began (before is what ordered said then), it may be older than what is known: the next one counts.
func (m *memory) putOverrides(all []surgecast.Override, before int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.orders != before {
		return
	}
	by := make(map[int64]*surgecast.Override, len(all))
	for i := range all {
		by[all[i].SiteID] = &all[i]
	}
	for id, s := range m.sites {
		s.override = by[id]
	}
}

// setOverride takes in what a person just ordered; nil: no longer.
func (m *memory) setOverride(id int64, o *surgecast.Override) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders++
	if s, ok := m.sites[id]; ok {
		s.override = o
	}
}

// setFrozen takes in what a person just ordered.
func (m *memory) setFrozen(account int64, frozen bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders++
	m.frozenLocked(account, frozen, now)
}

// putFrozen takes in what was read from the database, as putOverrides does.
func (m *memory) putFrozen(account int64, frozen bool, before int, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.orders == before {
		m.frozenLocked(account, frozen, now)
	}
}

// frozenLocked pins what /scale answers at the moment of the freeze. The engine hears of a freeze with its next step
// only: a forecast that was under way, another mode or another least number must move nothing meanwhile. An override
// during the freeze moves it, and is what stands when it ends: that was the last answer then.
func (m *memory) frozenLocked(account int64, frozen bool, now time.Time) {
	m.frozen[account] = frozen
	for _, s := range m.sites {
		switch {
		case s.site.AccountID != account:
		case !frozen:
			s.frozen, s.held = false, nil
		case s.held == nil || holds(s.override, now):
			s.frozen = true
			if b, why := scaleAnswer(*s, now); why == nil {
				s.held = &b.Units
			}
		}
	}
}

func (m *memory) isFrozen(account int64) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.frozen[account]
}

// putSurges replaces the open surges of sites.
func (m *memory) putSurges(open []surgecast.Surge) {
	m.mu.Lock()
	defer m.mu.Unlock()
	by := make(map[int64]*surgecast.Surge, len(open))
	for i := range open {
		s := &open[i]
		if s.SiteID == 0 || !s.ClosedAt.IsZero() {
			continue
		}
		if old := by[s.SiteID]; old == nil || outranks(s, old) {
			by[s.SiteID] = s
		}
	}
	for id, s := range m.sites {
		s.surge = by[id]
	}
}

// outranks: of several open surges of one site the overload of its total is the one shown.
func outranks(a, b *surgecast.Surge) bool {
	rank := func(s *surgecast.Surge) int {
		switch {
		case s.Kind == surgecast.SurgeOverload && s.Segment == surgecast.TotalSegment:
			return 2
		case s.Kind == surgecast.SurgeOverload:
			return 1
		}
		return 0
	}
	return rank(a) > rank(b)
}

// surge takes in one surge as it stands now.
func (m *memory) surge(s *surgecast.Surge) {
	m.mu.Lock()
	defer m.mu.Unlock()
	st, ok := m.sites[s.SiteID]
	if !ok {
		return
	}
	switch {
	case !s.ClosedAt.IsZero():
		if st.surge != nil && st.surge.ID == s.ID {
			st.surge = nil
		}
	case st.surge == nil || st.surge.ID == s.ID || outranks(s, st.surge):
		st.surge = s
	}
}

// hours is the median demand of each of the next 24 hours, for the small picture of the worklist.
func (m *memory) hours(f *surgecast.SiteForecast) []float64 {
	at := slices.Index(f.Levels, .5)
	if m.interpolate == nil || at < 0 || f.StepSeconds <= 0 || len(f.QuantilesRPM) == 0 {
		return nil
	}
	out := make([]float64, 24)
	dst := make([]float64, len(f.Levels))
	for h := range out {
		if !m.at(dst, f, float64(60*(h+1))) {
			return nil
		}
		out[h] = dst[at]
	}
	return out
}

// at fills dst with the quantiles of f at a lead in minutes, by the one interpolation there is.
func (m *memory) at(dst []float64, f *surgecast.SiteForecast, leadMinutes float64) bool {
	if m.interpolate == nil || f.StepSeconds <= 0 || len(f.LeadMinutes) == 0 || len(f.QuantilesRPM) != len(f.LeadMinutes) {
		return false
	}
	perMinute := 60 / float64(f.StepSeconds) // steps in a minute
	if leadMinutes > float64(f.LeadMinutes[len(f.LeadMinutes)-1]) {
		return false
	}
	leads := f.LeadMinutes
	if perMinute != 1 {
		leads = make([]int, len(f.LeadMinutes))
		for i, l := range f.LeadMinutes {
			leads[i] = int(math.Round(float64(l) * perMinute))
		}
	}
	m.interpolate(dst, leads, f.QuantilesRPM, f.ProfileRPM, float64(f.ProfileStepMinutes)*perMinute, leadMinutes*perMinute)
	return true
}
