package review

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"surgecast"
)

// Report is what was forecast, what came, and what simple rules would have made of it. Text, JSON and HTML
// carry the same numbers and the same sentences.
type Report struct {
	Schema      int       `json:"schema"`
	GeneratedAt time.Time `json:"generated_at,omitzero"`
	Source      string    `json:"source,omitempty"`
	Site        SiteFacts `json:"site"`

	From             time.Time `json:"from,omitzero"`
	To               time.Time `json:"to,omitzero"`
	Minutes          int       `json:"minutes"`
	MissingMinutes   int       `json:"missing_minutes"`
	SaturatedMinutes int       `json:"saturated_minutes"`
	DemandKnown      bool      `json:"demand_known"` // the minutes hold the whole demand, also above capacity
	Forecasts        int       `json:"forecasts"`
	Receipt          Receipt   `json:"receipt"`

	Headline  string   `json:"headline"`
	Sentences []string `json:"sentences"`

	Leads    []LeadScore    `json:"leads"`
	All      LeadScore      `json:"all_leads"`
	Breach   []HorizonScore `json:"breach"`
	Episodes []Episode      `json:"episodes"`
	Alarms   Alarms         `json:"alarms"`
	Rules    []RuleResult   `json:"rules"` // ours first, when there is a ledger
	Talk     []TalkResult   `json:"talk"`
	Notes    []string       `json:"notes"` // how to read the numbers, and what they do not show

	zone    *time.Location
	chart   chart
	failing bool // requests failed without any overload
}

// SiteFacts are the facts about the site the numbers rest on.
type SiteFacts struct {
	Slug               string         `json:"slug"`
	Name               string         `json:"name"`
	TimeZone           string         `json:"time_zone"`
	Simulated          bool           `json:"simulated"`
	Mode               surgecast.Mode `json:"mode"`
	Units              int            `json:"units"`
	MinUnits           int            `json:"min_units"`
	MaxUnits           int            `json:"max_units"`
	RPMPerUnit         float64        `json:"rpm_per_unit"`
	CapacityRPM        float64        `json:"capacity_rpm"`
	LeadTimeP95Seconds int            `json:"lead_time_p95_seconds"`
	SustainMinutes     int            `json:"sustain_minutes"`
	CostLostRequest    float64        `json:"cost_lost_request"`
	CostIdleUnitHour   float64        `json:"cost_idle_unit_hour"`
	Currency           string         `json:"currency"`
}

// JSON writes the report as one indented document.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report of %s as JSON: %w", r.Site.Slug, err)
	}
	return nil
}

// rule finds a row of the capacity table.
func (r *Report) rule(name string) *RuleResult {
	for i := range r.Rules {
		if r.Rules[i].Rule == name {
			return &r.Rules[i]
		}
	}
	return nil
}

// warned is how many episodes were warned of and the median minutes, missed ones as 0.
func (r *Report) warned() (n int, medianMinutes float64) {
	var lead []float64
	for _, e := range r.Episodes {
		if e.Warned {
			n++
		}
		lead = append(lead, e.WarningMinutes())
	}
	return n, middle(lead)
}

// say writes the headline, the sentences and the notes. Like the verdict's words they are made in one place:
// text, JSON and page repeat them.
func (r *Report) say() {
	limit := count(r.Site.CapacityRPM)
	n, lead := r.warned()
	switch {
	case r.Minutes == 0 && len(r.Talk) > 0:
		r.Headline = "What was said, and when we noticed."
	case r.Minutes == 0:
		r.Headline = "Nothing to judge: no minutes of traffic."
	case r.Site.CapacityRPM == 0:
		r.Headline = "Forecasts only: the capacity is not known."
	case len(r.Episodes) == 0 && r.failing:
		r.Headline = fmt.Sprintf("Requests failed; traffic stayed under %s a minute.", limit)
	case len(r.Episodes) == 0 && r.Alarms.False == 0 && r.Alarms.Open > 0:
		r.Headline = fmt.Sprintf("We warned; traffic stayed under %s a minute until %s.", limit, r.clock(r.To))
	case len(r.Episodes) == 0 && r.Alarms.False == 0:
		r.Headline = "Nothing passed capacity, and no alarm was raised."
	case len(r.Episodes) == 0:
		r.Headline = fmt.Sprintf("We warned %s, it did not come.", times(r.Alarms.False))
	case len(r.Episodes) == 1 && n == 1:
		r.Headline = fmt.Sprintf("Warned %s before traffic passed %s a minute.", minutes(lead), limit)
	case len(r.Episodes) == 1:
		r.Headline = fmt.Sprintf("We did not warn. Traffic passed %s a minute at %s.", limit, r.clock(r.Episodes[0].From))
	default:
		r.Headline = fmt.Sprintf("Warned of %d of %d times traffic passed %s a minute; median %s before.", n, len(r.Episodes), limit, minutes(lead))
	}
	r.Sentences = []string{}
	add := func(format string, a ...any) { r.Sentences = append(r.Sentences, fmt.Sprintf(format, a...)) }
	if s := r.over(); s != "" {
		add("%s", s)
	}
	if ours := r.rule(Ours); ours != nil {
		if s := r.compare(ours); s != "" {
			add("%s", s)
		}
	}
	if missed := len(r.Episodes) - n; missed > 0 && len(r.Episodes) > 1 {
		add("Missed: %s without a warning before the first minute over.", times(missed))
	}
	if s := r.alarms(); s != "" {
		add("%s", s)
	}
	if b := r.evenChance(); b != nil {
		add("When we said %g–%g %% within an hour, it happened on %d of %d occasions.", 100*b.From, 100*b.To, b.OccasionsHappened, b.Occasions)
	}
	if r.All.N > 0 && r.All.VsYesterday.Known() {
		add("The forecasts erred %s times as much as “the same as yesterday”; %s of minutes ended in the 4-of-5 band (80 %% is right).", decimals(r.All.VsYesterday, 2), percent(r.All.Coverage80))
	}
	for _, k := range r.Talk {
		if len(k.Peaks) > 0 {
			add("%s", r.talkSentence(k))
		}
	}
	if r.Site.Simulated {
		add("This site and its traffic are simulated.")
	}
	r.notes()
}

// talkSentence tells of a topic's tallest peak. What stood less than 3 × above the usual is none, and nobody missed it.
func (r *Report) talkSentence(k TalkResult) string {
	p := k.Peaks[0]
	at, mentions := r.clock(p.At), count(p.Mentions)
	if p.low() && !p.OpenedMinutes.Known() {
		return fmt.Sprintf("%s had no peak of %d × the usual: at most %s mentions, at %s (×%s).", k.Name, talkHeight, mentions, at, about(float64(p.Usual)))
	}
	s := fmt.Sprintf("%s peaked at %s with %s mentions", k.Name, at, mentions)
	if p.Usual.Known() {
		s += fmt.Sprintf(", ×%s the usual", about(float64(p.Usual)))
	}
	switch {
	case !p.OpenedMinutes.Known():
		return s + "; we did not notice."
	case p.OpenedMinutes < 0:
		return s + fmt.Sprintf("; noticed %s after.", minutes(-float64(p.OpenedMinutes)))
	case p.AlertMinutes.Known() && p.AlertMinutes >= 0:
		return s + fmt.Sprintf("; on watch %s before, in alert %s before.", minutes(float64(p.OpenedMinutes)), minutes(float64(p.AlertMinutes)))
	}
	return s + fmt.Sprintf("; on watch %s before.", minutes(float64(p.OpenedMinutes)))
}

// evenChance is the row of chances around one half within an hour, nil when none was said.
func (r *Report) evenChance() *Reliability {
	for _, h := range r.Breach {
		if h.HorizonMinutes != 60 {
			continue
		}
		for i, b := range h.Reliability {
			if b.From <= .5 && .5 < b.To {
				return &h.Reliability[i]
			}
		}
	}
	return nil
}

// cheapestRival is the rule, of those that are not ours, with the lowest cost.
func (r *Report) cheapestRival() *RuleResult {
	var best *RuleResult
	for i := range r.Rules {
		if c := &r.Rules[i]; c.Rule != Ours && c.Cost.Known() && (best == nil || c.Cost < best.Cost) {
			best = c
		}
	}
	return best
}

// over is what the site went through: how long it was over capacity, when, and how high it went.
func (r *Report) over() string {
	if len(r.Episodes) == 0 {
		return ""
	}
	total, top := 0, r.Episodes[0]
	for _, e := range r.Episodes {
		total += e.MinutesOver
		if e.PeakRPM > top.PeakRPM {
			top = e
		}
	}
	when := ""
	if len(r.Episodes) == 1 {
		when = fmt.Sprintf(", from %s to %s", r.clock(top.From), r.clockAfter(top.To, top.From))
	}
	return fmt.Sprintf("Traffic was over capacity for %s%s; the highest was %s a minute at %s.", minutes(float64(total)), when, count(threeDigits(top.PeakRPM)), r.clockAfter(top.PeakAt, top.From))
}

// compare is what the units asked for would have changed, beside the units as configured and the cheapest simple rule.
// Two amounts that read the same are said to be the same.
func (r *Report) compare(ours *RuleResult) string {
	left := fmt.Sprintf("With the units we asked for: %s over", minutes(float64(ours.MinutesOver)))
	if !ours.Cost.Known() {
		return left + "."
	}
	money := func(n Number) string { return about(float64(n)) + " " + r.Site.Currency }
	said := fmt.Sprintf("%s, about %s for units and lost requests", left, money(ours.Cost))
	same := func(x, y *RuleResult) bool { return money(x.Cost) == money(y.Cost) }
	as := r.rule(configured{}.name())
	apart := as != nil && as.Cost.Known() && !same(as, ours)
	if apart {
		said += "; as configured, about " + money(as.Cost)
	}
	best := r.cheapestRival()
	if best == nil || best == as {
		return said + "."
	}
	var names []string
	for i := range r.Rules {
		if x := &r.Rules[i]; x.Rule != Ours && x.Cost.Known() && same(x, best) && !(apart && x == as) {
			names = append(names, x.Rule)
		}
	}
	which := "; with the cheapest simple rule (" + list(names) + ")"
	if len(names) > 1 {
		which = "; with the cheapest simple rules (" + list(names) + ")"
	}
	switch {
	case same(best, ours):
		said += which + ", about the same"
	case best.Cost < ours.Cost:
		said += which + " less, about " + money(best.Cost)
	default:
		said += which + ", about " + money(best.Cost)
	}
	return said + "."
}

// alarms is how many alerts came true. One that the headline tells of is not told again.
func (r *Report) alarms() string {
	a := r.Alarms
	if a.Alerts == 0 || a.Alerts == 1 && a.Followed == 1 && len(r.Episodes) == 1 {
		return ""
	}
	parts := []string{fmt.Sprintf("%d came true in the time named", a.Followed), fmt.Sprintf("%d did not", a.False)}
	if a.Open > 0 {
		parts = append(parts, fmt.Sprintf("of %d the time was not over", a.Open))
	}
	if a.During > 0 {
		parts = append(parts, fmt.Sprintf("%d came while it was over already", a.During))
	}
	noun := "alerts"
	if a.Alerts == 1 {
		noun = "alert"
	}
	return fmt.Sprintf("%d %s: %s.", a.Alerts, noun, strings.Join(parts, ", "))
}

func (r *Report) notes() {
	r.Notes = []string{}
	add := func(format string, a ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, a...)) }
	if len(r.Rules) > 0 {
		add("What a rule would have done is estimated by replay with the same traffic; visitors who leave change traffic.")
		add("All rules share one fleet: decision at the end of a minute, units serve %d minutes later (lead time p95), fewer at once, paid from the order on, between %d and %s units. Rivals are spared our ramps and spending caps.",
			int(math.Ceil(float64(r.Site.LeadTimeP95Seconds)/60)), r.Site.MinUnits, cap0(r.Site.MaxUnits))
		add("Reactive: above 70 %% use, units for 1.5 × the highest of the last 15 minutes. Last day: 1.3 × the highest of the same hour yesterday. Static: all but 1 minute in 1,000 seen so far, set at midnight UTC.")
	}
	if len(r.Episodes) > 0 {
		add("A breach is the mean of %d minutes above what the configured %d units serve; breaches less than %d minutes apart are one. A warning counts from when it was issued and only if it stood until the breach; a miss counts as 0.",
			r.Site.SustainMinutes, r.Site.Units, sameOccasion)
	}
	if r.SaturatedMinutes > 0 && !r.DemandKnown {
		add("%s minutes were saturated: what came is a lower bound. They count only when the forecast lies below it, and lost requests are at least what is shown.", count(float64(r.SaturatedMinutes)))
	}
	if r.MissingMinutes > 0 {
		add("%s minutes are missing; they are left out, not read as zero.", count(float64(r.MissingMinutes)))
	}
	if r.Receipt.Broken > 0 {
		add("The ledger's hash chain is broken at %s: rows were changed or left out.", times(r.Receipt.Broken))
	}
	if len(r.Breach) > 0 {
		add("Skill is against always saying the base rate, which nobody knows beforehand. Neighbouring minutes share their fate: judge a row by its occasions, not by its minutes.")
	}
}
