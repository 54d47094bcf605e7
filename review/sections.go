package review

import (
	"fmt"
	"strings"

	"surgecast"
)

// section is one part of the report as a reader sees it. Terminal and page draw the same sections, so they
// cannot tell different stories.
type section struct {
	id     string
	title  string
	lead   []string // what the part answers
	tables []table
	tail   []string
}

func (r *Report) sections() []section {
	out := []section{r.top()}
	if len(r.Episodes) > 0 || r.Alarms.Alerts > 0 {
		out = append(out, r.warnings())
	}
	if len(r.Rules) > 0 {
		out = append(out, r.capacity())
	}
	if len(r.Breach) > 0 {
		out = append(out, r.chances())
	}
	if len(r.Leads) > 0 {
		out = append(out, r.accuracy())
	}
	if len(r.Talk) > 0 {
		out = append(out, r.talk())
	}
	if len(r.Notes) > 0 {
		out = append(out, section{id: "reading", title: "How to read this", lead: r.Notes})
	}
	return out
}

// title names what is reviewed.
func (r *Report) title() string {
	name := r.Site.Name
	switch {
	case name == "" && r.Site.Slug != "":
		name = r.Site.Slug
	case name == "" && len(r.Talk) == 1:
		name = r.Talk[0].Name
	case name == "":
		name = "replay"
	}
	if r.Site.Simulated {
		name += " [simulated]"
	}
	return "How it went: " + name
}

func (r *Report) top() section {
	s := section{lead: []string{r.title()}}
	if r.Minutes == 0 && len(r.Talk) > 0 {
		s.lead = append(s.lead, fmt.Sprintf("%s – %s, times in %s.", r.in(r.Talk[0].From).Format("2 Jan 2006 15:04"), r.in(r.Talk[0].To).Format("2 Jan 2006 15:04"), r.Site.TimeZone))
	}
	if r.Minutes > 0 {
		from, to := r.in(r.From), r.in(r.To)
		what := fmt.Sprintf("%s – %s, %s (%s); %s minutes, %s missing, %s saturated; %s forecasts",
			from.Format("2 Jan 2006 15:04"), to.Format("2 Jan 2006 15:04"), r.Site.TimeZone, from.Format("UTC-07:00"),
			count(float64(r.Minutes)), count(float64(r.MissingMinutes)), count(float64(r.SaturatedMinutes)), count(float64(r.Forecasts)))
		if v := strings.Join(r.Receipt.ModelVersions, ", "); v != "" {
			what += ", model " + v
		}
		s.lead = append(s.lead, what+".")
	}
	if r.Site.CapacityRPM > 0 {
		s.lead = append(s.lead, fmt.Sprintf("Capacity %s requests a minute (%s a second) in %d units; a unit serves %s after it was decided on (19 in 20 are faster).",
			count(r.Site.CapacityRPM), count(r.Site.CapacityRPM/60), r.Site.Units, seconds(r.Site.LeadTimeP95Seconds)))
	}
	if r.Source != "" {
		s.lead = append(s.lead, "Minutes from "+r.Source+".")
	}
	s.lead = append(s.lead, "", r.Headline)
	s.lead = append(s.lead, r.Sentences...)
	if !r.GeneratedAt.IsZero() {
		line := "Made " + r.in(r.GeneratedAt).Format("2 Jan 2006 15:04 MST")
		if r.Receipt.LastID != "" {
			line += "; ledger " + r.Receipt.FirstID + " to " + r.Receipt.LastID + r.Receipt.sealed()
		}
		s.tail = append(s.tail, line+".")
	}
	return s
}

func (r *Report) warnings() section {
	s := section{
		id:    "warnings",
		title: "Did we say so in time?",
		lead:  []string{"Minutes before the first minute over; a dash: not said. Act by: the last moment to order more units, as given with the first alert. Chance: of passing capacity within an hour, as last said one lead time before. 70 %: a plain alarm at 70 % of capacity."},
	}
	t := table{
		head: []string{"first over", "over", "peak", "peak at", "watch", "alert", "told", "act by", "in time", "chance", "70 %"},
	}
	for _, e := range r.Episodes {
		inTime := "–"
		if e.ActByInTime != nil {
			inTime = map[bool]string{true: "yes", false: "no"}[*e.ActByInTime]
		}
		watch := whole(e.WatchMinutes)
		if !e.Warned && e.DetectedLate.Known() {
			watch = "+" + whole(e.DetectedLate) + " late"
		}
		t.rows = append(t.rows, []string{
			r.clock(e.From), fmt.Sprintf("%d min", e.MinutesOver), count(e.PeakRPM), r.in(e.PeakAt).Format("15:04"),
			watch, whole(e.AlertMinutes), whole(e.ToldMinutes), r.clockp(e.ActBy), inTime, percent(e.ChanceBefore), whole(e.ReactiveAlarm),
		})
	}
	if len(t.rows) > 0 {
		s.tables = append(s.tables, t)
	}
	a := r.Alarms
	line := fmt.Sprintf("Alerts: %d. Followed by a breach within the time they spoke of: %d. False: %d", a.Alerts, a.Followed, a.False)
	if a.FalsePerWeek.Known() && a.False > 0 {
		line += fmt.Sprintf(" (%s a week)", decimals(a.FalsePerWeek, 1))
	}
	line += fmt.Sprintf(". While already over: %d.", a.During)
	if a.Open > 0 {
		line += fmt.Sprintf(" Not yet known: %d.", a.Open)
	}
	s.tail = append(s.tail, line)
	if len(a.FalseAlarms) > 0 {
		f := table{caption: "False alarms: we warned, it did not come.", head: []string{"alert at", "chance said", "within", "highest that came"}}
		for _, x := range a.FalseAlarms {
			f.rows = append(f.rows, []string{r.clock(x.At), percent(x.Probability), span(x.HorizonMinutes), whole(x.PeakRPM)})
		}
		s.tables = append(s.tables, f)
	}
	for _, e := range r.Episodes {
		if !e.Warned {
			l := fmt.Sprintf("Missed: traffic passed capacity at %s", r.clock(e.From))
			if e.ChanceBefore.Known() {
				l += fmt.Sprintf("; our chance one lead time before was %s", percent(e.ChanceBefore))
			}
			s.tail = append(s.tail, l+".")
		}
	}
	return s
}

func (r *Report) capacity() section {
	s := section{
		id:    "capacity",
		title: "What would it have taken?",
		lead:  []string{"The same minutes, the same lead time, each rule by itself. Fewer minutes over at fewer unit-hours is better."},
	}
	cost := r.Site.CostIdleUnitHour > 0 || r.Site.CostLostRequest > 0
	t := table{head: []string{"rule", "asked", "min over", "lost requests", "carried", "unit-hours", "most units"}}
	if cost {
		t.head = append(t.head, "cost "+r.Site.Currency)
	}
	ratios := table{
		caption: "Cost beside perfect foresight (1.00), when a request lost costs 5, 20 or 100 times the capacity for one kept idle:",
		head:    []string{"rule"},
	}
	for _, k := range lostToIdle {
		ratios.head = append(ratios.head, fmt.Sprintf("%g:1", k))
	}
	for _, x := range r.Rules {
		row := []string{
			x.Rule, r.ruleWarning(x), count(float64(x.MinutesOver)), count(x.LostRequests), fmt.Sprintf("%d of %d", x.Carried, x.Episodes),
			count(x.UnitHours), count(float64(x.PeakUnits)),
		}
		if cost {
			row = append(row, whole(x.Cost))
		}
		t.rows = append(t.rows, row)
		row = []string{x.Rule}
		for _, k := range x.CostRatios {
			row = append(row, decimals(k.Ratio, 2))
		}
		ratios.rows = append(ratios.rows, row)
	}
	t.note = "Asked: median minutes between first asking for more than the configured units and the breach; a dash: it stood above them for a day or more. Carried: breaches got through without a minute over."
	s.tables = append(s.tables, t, ratios)
	if r.Site.CostLostRequest > 0 && r.Site.CostIdleUnitHour > 0 {
		// A unit idle for an hour could have served 60 · rpm_per_unit requests.
		weight := r.Site.CostLostRequest / (r.Site.CostIdleUnitHour / (60 * r.Site.RPMPerUnit))
		s.tail = append(s.tail, fmt.Sprintf("At the site's own costs a lost request weighs %s times the capacity for one kept idle.", about(weight)))
	}
	return s
}

func (r *Report) ruleWarning(x RuleResult) string {
	if x.Rule == (configured{}).name() {
		return "never"
	}
	if !x.MedianWarning.Known() {
		return "–"
	}
	return whole(x.MedianWarning) + " min"
}

func (r *Report) chances() section {
	s := section{
		id:    "chances",
		title: "When we gave a chance, how often did it happen?",
		lead:  []string{"Skill: 0 is no better than always saying the base rate, 1 is perfect, below 0 is worse. Off: how far chance and share lie apart on average."},
	}
	t := table{head: []string{"within", "origins", "happened", "mean chance", "Brier", "skill", "off"}}
	rel := table{
		caption: "Reliability: of the times the chance lay in this range, how often it happened.",
		head:    []string{"within", "chance said", "origins", "mean chance", "happened", "occasions", "happened"},
	}
	for _, h := range r.Breach {
		if h.N == 0 {
			continue
		}
		t.rows = append(t.rows, []string{
			span(h.HorizonMinutes), count(float64(h.N)), percent(h.BaseRate), percent(h.MeanP),
			decimals(h.Brier, 4), decimals(h.Skill, 3), percent(h.CalibrationError),
		})
		if !shownReliability(h.HorizonMinutes) {
			continue
		}
		for _, b := range h.Reliability {
			rel.rows = append(rel.rows, []string{
				span(h.HorizonMinutes), fmt.Sprintf("%g–%g %%", 100*b.From, 100*b.To), count(float64(b.N)),
				percent(b.MeanP), percent(b.Share), count(float64(b.Occasions)), count(float64(b.OccasionsHappened)),
			})
		}
	}
	s.tables = append(s.tables, t, rel)
	return s
}

// shownReliability keeps the table readable: three horizons; JSON has all.
func shownReliability(h int) bool { return h == 15 || h == 60 || h == 360 }

func (r *Report) accuracy() section {
	s := section{
		id:    "accuracy",
		title: "Forecasts against what came",
		lead:  []string{"By how far ahead. WQL and pinball: low is good. × day, × last: error of the median over that of “as yesterday at this time” and of “as in the last minute”; below 1 is better. Inside: share of minutes in the central bands; the right answers are 50 80 90 95 %."},
	}
	t := table{head: []string{"ahead", "minutes", "WQL", "pin .95", "MAE", "× day", "× last", "50", "80", "90", "95", "≤ q95"}}
	row := func(l LeadScore) []string {
		return []string{
			span(l.LeadMinutes), count(float64(l.N)), decimals(l.WQL, 4), decimals(l.Pinball95, 4), whole(l.MAE),
			decimals(l.VsYesterday, 2), decimals(l.VsLast, 2),
			percent(l.Coverage50), percent(l.Coverage80), percent(l.Coverage90), percent(l.Coverage95), percent(l.Below95),
		}
	}
	for _, l := range r.Leads {
		t.rows = append(t.rows, row(l))
	}
	t.rows = append(t.rows, row(r.All))
	s.tables = append(s.tables, t)
	return s
}

func (r *Report) talk() section {
	s := section{
		id:    "talk",
		title: "Talk: the tallest peaks, and when we noticed",
		lead:  []string{"The peaks are found without the detector: the tallest buckets at least 12 hours apart and 3 × usual, the median bucket; where none is, the tallest. Minutes before the peak's bucket; below 0: after, within 2 hours."},
	}
	for _, k := range r.Talk {
		name := k.Name
		if k.Simulated {
			name += " [simulated]"
		}
		t := table{
			caption: fmt.Sprintf("%s: %s buckets of %s, %s missing, median %s mentions; %d surges (%s a week).", name, count(float64(k.Buckets)),
				seconds(k.StepSeconds), count(float64(k.Missing)), whole(k.Median), k.Surges, decimals(k.PerWeek, 1)),
			head: []string{"peak at", "mentions", "× usual", "state then", "opened", "before", "alert", "before"},
			left: []int{3},
		}
		for _, p := range k.Peaks {
			t.rows = append(t.rows, []string{
				r.clock(p.At), count(p.Mentions), whole(p.Usual), stateWord(p.State), r.clockp(p.OpenedAt), whole(p.OpenedMinutes), r.clockp(p.AlertAt), whole(p.AlertMinutes),
			})
		}
		s.tables = append(s.tables, t)
	}
	return s
}

func stateWord(s surgecast.State) string { return strings.ReplaceAll(string(s), "_", " ") }
