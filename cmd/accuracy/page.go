package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

var what = map[string]string{
	"nab_tweets": "mentions of 6 companies, 5 min, 1 h ahead", "nab_tweets_h288": "the same, 1 day ahead",
	"wc98_requests": "World Cup 1998 web site, 1 min, 1 h ahead", "nasa_http": "NASA web server 1995, 1 min, 1 h ahead",
	"nab_traffic": "two EC2 hosts and New York taxis, 5 and 30 min, 12 steps", "superbowl_hashtags": "4 hashtags, 1 h, 12 h ahead",
	"wiki_pageviews": "one article, 1 day, 14 days ahead", "youtube_paired": "daily views of 180 videos (artificial dates), 7 days ahead",
}

// row is a set or all of them.
type row struct {
	name string
	v    map[string]*verdict
}

func (p *report) rows() []row {
	var out []row
	for _, s := range p.sets {
		out = append(out, row{s.Name, p.verdicts.Sets[s.Name]})
	}
	return append(out, row{overall, p.verdicts.Overall})
}

func (r ratio) String() string {
	if math.IsNaN(r.Low) {
		return fmt.Sprintf("%.2f", r.Value)
	}
	return fmt.Sprintf("%.2f [%.2f, %.2f]", r.Value, r.Low, r.High)
}

func signed(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%+.2f", v)
}

func budget(perWeek float64) string {
	switch {
	case math.IsNaN(perWeek):
		return "none"
	case perWeek < 1:
		return "1 a month"
	}
	return "1 a week"
}

// paper is a page being written.
type paper struct{ strings.Builder }

func (o *paper) say(format string, args ...any) { fmt.Fprintf(&o.Builder, format+"\n", args...) }

func (o *paper) head(cells ...string) {
	o.row(cells...)
	o.say("|%s", strings.Repeat("---|", len(cells)))
}
func (o *paper) row(cells ...string) { o.say("| %s |", strings.Join(cells, " | ")) }

func (p *report) markdown() string {
	o := &paper{}
	o.say("# How good the forecasts are\n")
	o.say("Written by `make accuracy`; do not edit. Every figure is the production model's, stepped once through each series as `forecaster backtest` does, " +
		"with nothing it says depending on a later value; the arena's own scorer judges the sets, and our sums of the same forecasts must agree with it. " +
		"The series are **public** (Numenta Anomaly Benchmark, Internet Traffic Archive, Wikimedia page views, hashtag counts of a course, daily shares and views of videos) " +
		"and **were looked at while the model was built: expect to lose some of this on series nobody has looked at** (section *Series kept apart*).\n")
	o.say("*Regular* origins are spread at random; *surge* origins were picked because a surge followed or was under way, so the coverage of an honest forecaster falls below nominal there. "+
		"WQL is the weighted quantile loss over eight levels (lower is better). *Best single* is the best of %d rules and R models on that set and condition, "+
		"*ensemble* the equal-weight mean of three of them; both are printed figures, their forecasts are not at hand. *Best rule* is the best, in hindsight, of last value, rolling mean and same time yesterday "+
		"(for taxis and daily views: last week; each with its own past errors as its spread), which are forecast here origin by origin. "+
		"**Bold** marks our figures, also where they are not the best; *italics* in the table of capacity costs mark the best rule there.\n", p.baseline.singles())
	o.say("**Intervals** hold 95 %% of %d draws of a paired block bootstrap, seed fixed: blocks are all origins of one series on one UTC day, drawn with replacement, the same ones for both sides. "+
		"Against the ensemble only a printed figure is at hand: its interval is that of the best rule moved over (as if the ensemble's errors rose and fell with the rule's), and rough. When 1 is inside, the sample does not tell the two apart; surge rows hold few blocks.\n", bootstrapDraws)
	p.wql(o)
	p.coverage(o)
	p.breach(o)
	p.quarters(o)
	p.inputs(o)
	p.capacityCosts(o)
	p.leads(o)
	p.cold(o)
	p.keptApart(o)
	p.changes(o)
	p.unbeaten(o)
	var sets []string
	for _, s := range append(slices.Clone(p.sets), extraSets(p.extras)...) {
		if w := what[s.Name]; w != "" {
			sets = append(sets, s.Name+": "+w)
		}
	}
	o.say("\nThe sets: %s.", strings.Join(sets, "; "))
	return o.String()
}

func extraSets(w []worth) (out []*set) {
	for _, x := range w {
		out = append(out, x.set)
	}
	return out
}

func (p *report) wql(o *paper) {
	for k, c := range conditions {
		o.say("## WQL, %s origins\n", c)
		o.head("set", "ours", "best single", "ensemble", "best rule", "ours / best single", "ours / ensemble", "ours / best rule", "blocks")
		for _, r := range p.rows() {
			x := r.v[c].WQL
			name, v := best(p.baseline.wql, r.name, k, true, single)
			ru := p.rule[k][r.name]
			o.row(r.name, fmt.Sprintf("**%.3f**", x), fmt.Sprintf("%.3f %s", v, name), fmt.Sprintf("%.3f", p.baseline.wql["ensemble"][r.name][k]),
				fmt.Sprintf("%.3f %s", ru.wql, ru.name), fmt.Sprintf("%.2f", x/v), ru.ensemble.String(), ru.ratio.String(), fmt.Sprint(ru.ratio.Blocks))
		}
		o.say("")
	}
	o.say("The overall row is the geometric mean over the sets; its best single baseline is one model for all sets, its best rule the best of each set.\n")
}

func (p *report) coverage(o *paper) {
	o.say("## Coverage, regular / surge\n")
	o.head("set", "inside 50 %", "inside 80 %", "inside 90 %", "below q.95", "below q.99")
	for _, r := range p.rows() {
		a, b := r.v["regular"], r.v["surge"]
		two := func(x, y float64) string { return fmt.Sprintf("%.2f / %.2f", x, y) }
		three := func(x, y float64) string { return fmt.Sprintf("%.3f / %.3f", x, y) }
		o.row(r.name, two(a.Coverage50, b.Coverage50), two(a.Coverage80, b.Coverage80), two(a.Coverage90, b.Coverage90), three(a.Below95, b.Below95), three(a.Below99, b.Below99))
	}
}

func (p *report) breach(o *paper) {
	o.say("\n## Breach: P(maximum over the horizon > level)\n")
	o.say("Skill is 1 − Brier / Brier of the base rate known in hindsight; above 0 is good.\n")
	o.head("set", "skill, regular", "ensemble", "skill, surge", "ensemble", "calibration error, regular / surge", "AUC, regular / surge")
	for _, r := range p.rows() {
		a, b := r.v["regular"], r.v["surge"]
		e, ok := p.baseline.skill["ensemble"][r.name]
		if !ok {
			e = [2]float64{math.NaN(), math.NaN()}
		}
		auc := func(v *verdict) float64 {
			if v.Breach.AUC == nil {
				return math.NaN()
			}
			return *v.Breach.AUC
		}
		o.row(r.name, "**"+signed(a.skill())+"**", signed(e[0]), "**"+signed(b.skill())+"**", signed(e[1]),
			fmt.Sprintf("%.3f / %.3f", a.Breach.Calibration, b.Breach.Calibration), fmt.Sprintf("%.2f / %.2f", auc(a), auc(b)))
	}
	o.say("\nReliability, all sets together: when we said so much, it happened so often.\n")
	o.head("said", "pairs, regular", "said", "happened", "pairs, surge", "said", "happened")
	var bins [10][2][3]float64
	for _, s := range p.sets {
		for k, c := range conditions {
			for _, b := range p.verdicts.Sets[s.Name][c].Breach.Reliability {
				t := &bins[min(int(b[0]*10+.5), 9)][k]
				t[0] += b[1]
				t[1] += b[1] * b[2]
				t[2] += b[1] * b[3]
			}
		}
	}
	for i, b := range bins {
		cells := []string{fmt.Sprintf("%.1f–%.1f", float64(i)/10, float64(i+1)/10)}
		for _, t := range b {
			if t[0] == 0 {
				cells = append(cells, "0", "–", "–")
				continue
			}
			cells = append(cells, fmt.Sprintf("%.0f", t[0]), fmt.Sprintf("%.2f", t[1]/t[0]), fmt.Sprintf("%.2f", t[2]/t[0]))
		}
		o.row(cells...)
	}
}

func (p *report) quarters(o *paper) {
	o.say("\n## By lead: WQL of each quarter of the horizon, regular / surge\n")
	o.head("set", "first", "second", "third", "last")
	for _, s := range p.sets {
		cells := []string{s.Name}
		a, b := p.verdicts.Sets[s.Name]["regular"].Quarters, p.verdicts.Sets[s.Name]["surge"].Quarters
		for i := range a {
			cell := func(v *float64) string {
				if v == nil {
					return "–"
				}
				return fmt.Sprintf("%.3f", *v)
			}
			cells = append(cells, cell(a[i])+" / "+cell(b[i]))
		}
		o.row(cells...)
	}
}

func (p *report) inputs(o *paper) {
	o.say("\n## What an extra input is worth\n")
	o.say("Published whatever it is; 1.00 is no value. There are no outside baselines for these two. youtube_paired: shares a day as signals, each known only up to the origin; " +
		"wc98_events: the match calendar, each match known from its announcement on.\n")
	o.head("set", "WQL without, regular / surge", "with", "ratio, regular", "ratio, surge")
	for _, w := range p.extras {
		two := func(v map[string]*verdict) string {
			return fmt.Sprintf("%.4f / %.4f", v["regular"].WQL, v["surge"].WQL)
		}
		o.row(w.set.Name, two(w.without), two(w.with), w.ratio[0].long(), w.ratio[1].long())
	}
}

func (r ratio) long() string { return fmt.Sprintf("%.3f [%.3f, %.3f]", r.Value, r.Low, r.High) }

func (p *report) capacityCosts(o *paper) {
	o.say("\n## What capacity costs\n")
	o.say("Every %d minutes a capacity is chosen for the hour that begins %d minutes later. Cost: what was kept, plus c times what the highest demand of that hour was above it; "+
		"the figure is that sum over the least that could have met it (the highest demand itself), so 1 is perfect foresight; geometric mean over the series of a set. Decision 0010 sums decisions of every 5 minutes and every form of a rule with the best factor found afterwards: its figures are another accounting and do not stand beside these. "+
		"Ours keeps the quantile c/(c+1) of the highest demand, the rules what they always keep. *Over* is how often more came than ours kept, and how often that quantile promises.\n", decideEvery, serveAfter)
	head := []string{"set", "c", "ours", "over, promised"}
	for _, r := range rivals {
		head = append(head, r.name)
	}
	head = append(head, statics[:]...)
	o.head(append(head, "ours / best rule", "decisions")...)
	for _, c := range p.costs {
		cells := []string{c.set, fmt.Sprintf("%.0f:1", c.price), fmt.Sprintf("**%.2f**", c.ours), fmt.Sprintf("%.1f %%, %.1f %%", 100*c.over, 100/(c.price+1))}
		for _, name := range head[4:] {
			x := fmt.Sprintf("%.2f", c.rivals[name])
			if name == c.best {
				x = "*" + x + "*"
			}
			cells = append(cells, x)
		}
		o.row(append(cells, c.ratio.String(), fmt.Sprint(c.n))...)
	}
}

func (p *report) leads(o *paper) {
	o.say("\n## How early an alarm is\n")
	o.say("The event is defined without a detector: the mean of five minutes passes C, the 99.5 %% quantile of its first 14 days (World Cup, which grows tenfold from week to week: 3 × the median of the last 24 hours), in 3 of 5 steps, after 2 hours below it. "+
		"Thresholds are chosen on the first half of what follows those days for a budget of false alarms a series, and judged on the second. Lead runs from the end of the step that raised the alarm to the start of the event; "+
		"a miss, and an alarm up for more than 2 hours, has lead 0. *Ahead* is a lead of %d minutes or more; *slow* events had half of C in the hour before, the others came out of nothing, where the honest lead is zero unless a calendar tells. "+
		"*Clock* is what the same alarms at random times would have met.\n", serveAfter)
	o.head("series", "alarm", "budget, false", "false a week, seen", "events", "ahead", "of the slow ones", "clock", "median lead", "noticed within 30 min")
	for _, w := range p.warnings {
		o.row(w.set, w.kind, budget(w.perWeek), fmt.Sprintf("%.2f", w.falsePer), fmt.Sprint(w.events), fmt.Sprint(w.ahead), fmt.Sprintf("%d of %d", w.aheadSlow, w.slow),
			fmt.Sprintf("%.1f", w.clockAhead), fmt.Sprintf("%.0f min", w.medianLead), fmt.Sprint(w.noticed))
	}
	p.overBudget(o)
	if len(p.labels) > 0 {
		o.say("\nThe same alarms on the windows labelled in the Numenta Anomaly Benchmark, second half of each series; a budget of one alarm a week outside every window, chosen on the first half. " +
			"The windows are wide and centred on the anomaly, so they tell hits and no lead. *Score* is the benchmark's own (standard profile, 100 perfect, 0 silent) at the same thresholds, one detection where an alarm rises; " +
			"*best threshold* the same over whole series at the threshold that proves best there, which is how its table is made (on its ten tweet series random 26, windowed Gaussian 51, Numenta HTM 69, ARTime 83).\n")
		o.head("set", "alarm", "windows hit", "false a week, seen", "score", "best threshold")
		for _, l := range p.labels {
			o.row(l.set, l.kind, fmt.Sprintf("%d of %d", l.hit, l.windows), fmt.Sprintf("%.2f", l.falsePer), fmt.Sprintf("%.0f", l.nab), fmt.Sprintf("%.0f", l.nabBest))
		}
	}
	if over := slices.DeleteFunc(slices.Clone(p.labels), func(l labelled) bool { return !above(l.falsePer, 1) }); len(over) > 0 {
		var said []string
		for _, l := range over {
			said = append(said, fmt.Sprintf("%s, %s: %.2f", l.set, l.kind, l.falsePer))
		}
		o.say("\nThe budget of one false alarm a week, kept on the first half, was not kept on the second by: %s.", strings.Join(said, "; "))
	}
	if p.noLabels != "" {
		o.say("\nLabelled windows were left out: %s.", p.noLabels)
	}
}

// above reports whether a rate is above its budget as the page shows both.
func above(rate, budget float64) bool { return math.Round(100*rate) > math.Round(100*budget) }

// overBudget owns up to alarms whose budget, kept on the half it was chosen on, was not kept on the half judged.
func (p *report) overBudget(o *paper) {
	var said []string
	for _, w := range p.warnings {
		if above(w.falsePer, w.perWeek) { // NaN: there was no budget
			said = append(said, fmt.Sprintf("%s, %s, %s: %.2f a week for %.2f (%.0f in %.1f weeks of series)", w.set, w.kind, budget(w.perWeek), w.falsePer, w.perWeek, w.falsePer*w.seriesWeeks, w.seriesWeeks))
		}
	}
	if len(said) > 0 {
		o.say("\nThe budget, kept on the first half, was not kept on the second by: %s. Where the half is a few weeks long, one alarm more is above it.", strings.Join(said, "; "))
	}
}

func (p *report) cold(o *paper) {
	o.say("\n## Cold start: by age of the series\n")
	o.say("Each series is begun anew at several moments, as if somebody had just added it, and forecast while it is young; the rules know no more than we do. " +
		"The figure is our WQL over that of the best rule of each set at that age, geometric mean over the sets; blocks of the interval are births.\n")
	o.head("steps", "age", "ours / best rule", "by set", "forecasts", "births")
	for _, g := range p.young {
		var by []string
		for _, n := range slices.Sorted(maps.Keys(g.sets)) {
			by = append(by, fmt.Sprintf("%s %.2f", n, g.sets[n]))
		}
		o.row(g.family, g.age, g.ratio.String(), strings.Join(by, ", "), fmt.Sprint(g.n), fmt.Sprint(g.births))
	}
}

func (p *report) keptApart(o *paper) {
	o.say("\n## Series kept apart\n")
	if p.noApart != "" {
		o.say("They were left out: %s.", p.noApart)
		return
	}
	o.say("Real series that are no part of the arena, for evaluation only. Each set has two halves: one was *looked at* while model version 6 was made, the other was *not looked at* and tells what to expect. " +
		"Its figures have stood here since, so for a later version it has been seen as well. Names decide the halves (one in four of the regular videos was looked at, one in two of all others); horizons and origins are fixed, the origins by a seed.\n")
	o.say("retweet_cascades: retweets a minute of posts of October and November 2011, %d minutes ahead. Only posts with more than 2,000 retweets are in it, so all are successes; a young one mostly decays. "+
		"Each post has one origin in each of %d bands of its age, from %d minutes to %d days.\n", cascadeAhead, len(cascadeAges)-1, cascadeAges[0], cascadeAges[len(cascadeAges)-1]/1440)
	o.say("active_youtube: views a day of videos of 2014, by artificial dates, %d days ahead; the 180 videos of youtube_paired are not among them. "+
		"*Regular*: videos drawn by hash, one origin from day %d and one from day %d on, up to day %d. *Surge*: videos picked for a late surge, two origins each from %d days before to %d days after the highest day, known in hindsight.\n",
		videoAhead, videoAges[0], videoAges[1], videoAges[2], videoDaysBefore, videoDaysAfter)
	o.say("Best rule is the best, in hindsight, of each row. Blocks of the interval are series. The last row of a half is the geometric mean of those above it.\n")
	o.head("set", "half", "condition", "ours", "best rule", "ours / best rule", "inside 80 %", "below q.95", "forecasts", "series")
	for _, v := range p.kept {
		inside, below, condition := "–", "–", "–"
		if v.set != overall {
			condition, inside, below = v.condition, fmt.Sprintf("%.2f", v.hits.share(v.hits.inside80)), fmt.Sprintf("%.3f", v.hits.share(v.hits.below95))
		}
		o.row(v.set, v.half, condition, fmt.Sprintf("**%.3f**", v.wql), fmt.Sprintf("%.3f %s", v.rule.wql, v.rule.name), v.rule.ratio.String(),
			inside, below, fmt.Sprint(v.forecasts), fmt.Sprint(v.series))
	}
}

func (p *report) changes(o *paper) {
	o.say("\n## What got worse\n")
	switch {
	case p.since == "":
		o.say("There is no record of another version of the model to compare with (docs/accuracy.json).")
	case len(p.worse) == 0:
		o.say("Nothing, beside %s.", p.since)
	default:
		o.say("Beside %s (listed: %s):\n", p.since, slackWords())
		for _, w := range p.worse {
			o.say("- %s", w)
		}
	}
}

// watched is the set whose series an alarm of this name watches: with and without the calendar they are the same.
func watched(name string) string {
	for _, w := range watches {
		if w.name == name {
			return w.set
		}
	}
	return name
}

func (p *report) unbeaten(o *paper) {
	o.say("\n## What we do not beat\n")
	n := 0
	list := func(format string, args ...any) { n++; o.say("- "+format, args...) }
	for _, r := range p.rows() {
		for k, c := range conditions {
			if name, v := best(p.baseline.wql, r.name, k, true, anyone); name != "" && r.v[c].WQL > v*1.0005 {
				list("%s, %s: WQL %.3f against %.3f of %s", r.name, c, r.v[c].WQL, v, name)
			}
		}
	}
	for _, r := range p.rows() {
		for k, c := range conditions {
			if name, v := best(p.baseline.skill, r.name, k, false, anyone); name != "" && r.v[c].skill() < v-.005 {
				list("%s, %s: breach skill %+.2f against %+.2f of %s", r.name, c, r.v[c].skill(), v, name)
			}
		}
	}
	for _, w := range p.extras {
		for k, c := range conditions {
			if w.ratio[k].Value >= .995 {
				list("%s, %s: the extra input is worth nothing (ratio %.3f)", w.set.Name, c, w.ratio[k].Value)
			}
		}
	}
	for _, c := range p.costs {
		if c.ratio.Value >= .995 {
			list("%s at %.0f:1: capacity costs %.2f of the least, %s %.2f", c.set, c.price, c.ours, c.best, c.rivals[c.best])
		}
	}
	for _, g := range p.young {
		var lost []string
		for _, n := range slices.Sorted(maps.Keys(g.sets)) {
			if v := g.sets[n]; v >= 1.005 { // reads as more than 1
				lost = append(lost, fmt.Sprintf("%s %.2f", n, v))
			}
		}
		switch said := fmt.Sprintf("%s, age %s: WQL %.2f of the best rule's", g.family, g.age, g.ratio.Value); {
		case len(lost) > 0: // a mean hides them
			list("%s; by set %s", said, strings.Join(lost, ", "))
		case g.ratio.Value >= .995:
			list("%s", said)
		}
	}
	for _, v := range p.kept {
		if v.rule.ratio.Value > 1.0005 {
			list("%s: WQL %.3f against %.3f of %s", v.name(), v.wql, v.rule.wql, v.rule.name)
		}
	}
	for _, w := range p.warnings {
		if w.kind != kinds[kindChance] {
			continue
		}
		for _, x := range p.warnings {
			free := math.IsNaN(x.perWeek)
			if x.kind == w.kind || watched(x.set) != watched(w.set) || x.ahead <= w.ahead || !free && x.perWeek != w.perWeek {
				continue
			}
			said := fmt.Sprintf("alarms on %s at %s: %d events ahead against %d of \"%s\"", w.set, budget(w.perWeek), w.ahead, x.ahead, x.kind)
			if free {
				said += fmt.Sprintf(", which has no budget (%.2f false alarms a week against %.2f)", x.falsePer, w.falsePer)
			}
			list("%s", said)
		}
	}
	for _, l := range p.labels {
		if l.kind != kinds[kindChance] {
			continue
		}
		for _, x := range p.labels {
			if x.set != l.set || x.kind == l.kind {
				continue
			}
			var lost []string
			for _, f := range []struct {
				what         string
				ours, theirs float64
			}{{"windows hit", float64(l.hit), float64(x.hit)}, {"score", l.nab, x.nab}, {"score at the best threshold", l.nabBest, x.nabBest}} {
				if math.Round(f.theirs) > math.Round(f.ours) {
					lost = append(lost, fmt.Sprintf("%s %.0f against %.0f", f.what, f.ours, f.theirs))
				}
			}
			if len(lost) > 0 {
				list("labelled windows of %s (%d): %s of \"%s\"", l.set, l.windows, strings.Join(lost, ", "), x.kind)
			}
		}
		if math.Round(l.nab) < 0 {
			list("labelled windows of %s: score %.0f, below silence (0)", l.set, l.nab)
		}
	}
	if n == 0 {
		o.say("Nothing here, which is a reason to look for harder series.")
	}
}
