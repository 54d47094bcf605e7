package capacity

import (
	"math"
	"time"

	"surgecast"
)

// Defaults of an Input, and the bounds of its rules.
const (
	// DefaultDwellMinutes is how long a decision taken now has to do: until the next one can take
	// effect, and not less than the hour most providers bill.
	DefaultDwellMinutes = 60
	// DefaultValidFor is how long an answer may be repeated: /scale answers it unchanged for so long
	// and then an error (DESIGN 8).
	DefaultValidFor = 15 * time.Minute
	// MentionsLift bounds what mentions alone may ask for, as a multiple of the measured demand.
	MentionsLift = 2.0
	// maxMinutes is the longest lead the forecast has.
	maxMinutes = 1440
)

// The reasons a recommendation may name. They are stable: receivers may branch on them. The reason is
// the rule that decided the number, the last one that changed it.
const (
	ReasonForecast    = "forecast"         // the quantile of the window's highest demand
	ReasonMeasured    = "measured"         // what demand measured now needs, above the forecast's wish
	ReasonTolerance   = "tolerance"        // widened past the autoscaler's 10 % tolerance
	ReasonMentions    = "mentions_cap"     // mentions alone: at most twice the measured demand
	ReasonDoubling    = "doubling_cap"     // at most double in 5 minutes
	ReasonBudget      = "daily_budget"     // max_extra_unit_hours_per_day is used up
	ReasonFloorDecay  = "floor_decay"      // falls at most 10 % in 5 minutes
	ReasonMinUnits    = "min_units"        // never fewer
	ReasonMaxUnits    = "max_units"        // never more
	ReasonNoForecast  = "no_forecast"      // the forecast has no number: nothing falls because of that
	ReasonNoCapacity  = "capacity_unknown" // rpm per unit is not known: no units can be named
	ReasonFrozen      = "frozen"           // a person stopped all acting: the last answer stands
	ReasonOverride    = "override"         // a person's number
	ReasonShadow      = "shadow"           // mode shadow: min_units, the rest in WouldBeUnits
	ReasonAdvise      = "advise"           // mode advise: people act, the autoscaler is left alone
	ReasonHandingBack = "handing_back"     // answered more before (an override, mode act): comes down slowly
	ReasonUntested    = "untested"         // beyond the most units load tests tried: what the last one's average would need
	ReasonPeak        = "throughput_peak"  // more than any tested number of units serves; more of them would be slower
)

// Input is everything a recommendation depends on.
type Input struct {
	Profile surgecast.CapacityProfile
	Mode    surgecast.Mode // empty: shadow
	Now     time.Time

	DemandNowRPM float64 // Z now, the mean of the last sustain minutes; NaN: not known
	UnitsNow     int     // serving now as measured; 0: Profile.Units

	// WindowMaxRPM is the p-quantile of the highest sustained demand from fromMinute to toMinute ahead
	// of now. NaN: the forecast cannot say.
	WindowMaxRPM func(fromMinute, toMinute int, p float64) float64
	DwellMinutes int // 0: DefaultDwellMinutes

	// TrafficConfirms says that the lift does not rest on mentions alone: the site's own traffic
	// shows it, or mentions had no part in the forecast at all. PlannedEvent says that one covers it.
	TrafficConfirms bool
	PlannedEvent    bool
	// WithoutMentions is the same quantile by the forecast that knows no mentions; nil: not available.
	// What traffic alone asks for is never cut by the rule for mentions.
	WithoutMentions func(fromMinute, toMinute int, p float64) float64

	Previous *surgecast.Recommendation // the answer before; nil: none
	Trail    Trail                     // what was answered in the last hour; see Trail

	Override            *surgecast.Override // in force until its Until; a zero Until has no end
	Frozen              bool
	ExtraUnitHoursToday float64 // unit-hours above Profile.Units already asked for today
	ValidFor            time.Duration
}

// Recommend answers how many units the site should have, now and over the next hours.
//
// The rules, in the order they are applied (a later one wins):
//
//  1. units for the Alpha-quantile of the highest demand in the window a decision taken now can serve:
//     lead time (p95) … lead time + dwell; mentions alone: at most MentionsLift × measured demand;
//  2. never less than demand measured now needs;
//  3. a rise within 10 % of the units serving now is widened past it (the HPA would skip it);
//  4. the daily budget of extra unit-hours; at most double in 5 minutes; neither cuts below rule 2;
//  5. a floor falls at most 10 % in 5 minutes (falls); in mode act this and doubling count from what was
//     answered, in the others from WouldBeUnits;
//  6. min_units, then max_units;
//  7. mode: only act answers that number; shadow and advise answer min_units;
//  8. frozen: the last answer; override: the person's number, whatever it is.
//
// ID and Sequence: Sequence rises by one whenever Units or WouldBeUnits changes; the caller names the
// recommendation when it stores it.
func Recommend(in Input) surgecast.Recommendation {
	in = in.withDefaults()
	p := in.Profile
	lead := leadMinutes(p)
	rec := surgecast.Recommendation{
		MinUnits:      p.MinUnits,
		MaxUnits:      p.MaxUnits,
		Alpha:         Alpha(p),
		WindowMinutes: [2]int{lead, min(lead+in.DwellMinutes, maxMinutes)},
		IssuedAt:      in.Now,
		ValidUntil:    in.Now.Add(in.ValidFor),
	}
	if in.Previous != nil {
		rec.PreviousUnits = in.Previous.Units
	}

	want := in.wish(&rec)
	rec.WouldBeUnits = want.units
	answer := in.byMode(want)
	rec.Units, rec.Reason = answer.units, answer.reason
	if rec.Reason == ReasonOverride || rec.Reason == ReasonFrozen {
		rec.Plan = []surgecast.Step{{At: in.Now, Units: rec.Units}}
	} else if p.Known() {
		rec.Plan = in.plan(want.units, rec.Alpha)
		rec.CostActing = costOfActing(rec.Plan, in.UnitsNow, p)
		rec.CostWaiting = in.costOfWaiting()
	}
	rec.Detail = detail(in, rec)
	rec.Sequence = sequence(in.Previous, rec)
	return rec
}

func (in Input) withDefaults() Input {
	if in.UnitsNow <= 0 {
		in.UnitsNow = in.Profile.Units
	}
	if in.DwellMinutes <= 0 {
		in.DwellMinutes = DefaultDwellMinutes
	}
	if in.ValidFor <= 0 {
		in.ValidFor = DefaultValidFor
	}
	if in.Mode == "" {
		in.Mode = surgecast.ModeShadow
	}
	if len(in.Trail) == 0 && in.Previous != nil {
		in.Trail = trailOf(*in.Previous, in.UnitsNow, in.Now)
	}
	return in
}

// trailOf stands in for a trail that was not kept. Since when the floor stood is not known then, so it
// may fall where a mark of the clock is passed (every 5 minutes, rarer below 10 units): nothing falls
// faster than it may on average, and nothing stays up for ever because an answer is always a minute old.
func trailOf(previous surgecast.Recommendation, serving int, now time.Time) Trail {
	p := Point{At: previous.IssuedAt, Answered: previous.Units, WouldBe: previous.WouldBeUnits, Serving: serving}
	_, after := falls(max(previous.Units, previous.WouldBeUnits))
	if after > 0 && now.UnixNano()/int64(after) != previous.IssuedAt.UnixNano()/int64(after) {
		p.At = now.Add(-trailSpan)
	}
	return Trail{p}
}

// choice is a number of units and the rule that made it.
type choice struct {
	units  int
	reason string
}

// need is the units a demand takes, and the rule that asks for it unless load tests do not carry the answer.
func need(p surgecast.CapacityProfile, rpm float64, reason string) choice {
	units, reach := p.UnitsFor(rpm)
	switch reach {
	case surgecast.ReachUntested:
		reason = ReasonUntested
	case surgecast.ReachPeak:
		reason = ReasonPeak
	case surgecast.ReachMeasured:
	}
	return choice{units, reason}
}

func (c choice) atLeast(units int, reason string) choice {
	if units > c.units {
		return choice{units, reason}
	}
	return c
}

func (c choice) atMost(units int, reason string) choice {
	if units < c.units {
		return choice{units, reason}
	}
	return c
}

// wish is what mode act would answer: rules 1 to 6.
func (in Input) wish(rec *surgecast.Recommendation) choice {
	p := in.Profile
	floor := choice{p.MinUnits, ReasonMinUnits}
	if len(in.Trail) > 0 {
		u, at := in.Trail.since(in.inForce)
		floor = choice{lowestAllowed(u, in.Now.Sub(at)), ReasonFloorDecay}
		if !in.informed() {
			floor.units = u // ignorance does not lower it
		}
	}
	if !p.Known() {
		return bounded(choice{max(p.MinUnits, floor.units), ReasonNoCapacity}, p)
	}

	now := need(p, in.DemandNowRPM, ReasonMeasured)
	c := choice{0, ReasonNoForecast}
	if q := in.quantile(rec.WindowMinutes, rec.Alpha); !math.IsNaN(q) {
		rec.DemandRPM = q
		c = need(p, q, ReasonForecast)
		if limit := in.mentionsLimit(rec.WindowMinutes, rec.Alpha); limit < q {
			rec.DemandRPM = limit
			c = need(p, limit, ReasonMentions)
		}
	}
	c = c.atLeast(now.units, now.reason)
	if c.reason != ReasonPeak { // there more units would do harm
		c = c.atLeast(beyondTolerance(c.units, in.UnitsNow), ReasonTolerance)
	}
	c = c.atMost(max(in.budget(), now.units), ReasonBudget)
	c = c.atMost(max(doubled(in.rampBase()), now.units), ReasonDoubling)
	c = c.atLeast(floor.units, floor.reason)
	return bounded(c, p)
}

// bounded keeps a choice within what a person configured. Where min_units and max_units contradict each
// other max_units wins: it is what the site pays for.
func bounded(c choice, p surgecast.CapacityProfile) choice {
	c = c.atLeast(p.MinUnits, ReasonMinUnits)
	if p.MaxUnits > 0 {
		c = c.atMost(p.MaxUnits, ReasonMaxUnits)
	}
	return c
}

// informed reports whether the present answer rests on numbers: without them nothing falls.
func (in Input) informed() bool {
	if math.IsNaN(in.DemandNowRPM) || in.WindowMaxRPM == nil {
		return false
	}
	lead := leadMinutes(in.Profile)
	return !math.IsNaN(in.quantile([2]int{lead, min(lead+in.DwellMinutes, maxMinutes)}, Alpha(in.Profile)))
}

func (in Input) quantile(window [2]int, p float64) float64 {
	if in.WindowMaxRPM == nil {
		return math.NaN()
	}
	return in.WindowMaxRPM(window[0], window[1], p)
}

// mentionsLimit is the demand mentions alone may ask for; +Inf when the rule does not apply.
func (in Input) mentionsLimit(window [2]int, alpha float64) float64 {
	if in.TrafficConfirms || in.PlannedEvent || math.IsNaN(in.DemandNowRPM) {
		return math.Inf(1)
	}
	limit := MentionsLift * max(in.DemandNowRPM, 0)
	if in.WithoutMentions != nil {
		if q := in.WithoutMentions(window[0], window[1], alpha); q > limit {
			limit = q
		}
	}
	return limit
}

// budget is the most units the day's remaining extra unit-hours pay for, held until the end of the
// window: asking for n units above Profile.Units costs n · (lead + dwell)/60 unit-hours.
func (in Input) budget() int {
	p := in.Profile
	if !(p.MaxExtraUnitHoursPerDay > 0) {
		return surgecast.MaxUnitsCounted
	}
	left := max(p.MaxExtraUnitHoursPerDay-in.ExtraUnitHoursToday, 0)
	hours := float64(leadMinutes(p)+in.DwellMinutes) / 60
	return p.Units + int(min(left/hours+1e-9, surgecast.MaxUnitsCounted))
}

// inForce is the floor both ramps go on from. In mode act that is what was answered: what would have been, in shadow,
// beside an override or under a freeze, never ran, and going on from there would be a leap. Of an override that asked
// for more byMode hands back. In the other modes it is the course of a site that had acted all along, which is what is
// shown there to be judged.
func (in Input) inForce(p Point) int {
	if in.Mode == surgecast.ModeAct {
		return min(p.Answered, p.WouldBe)
	}
	return p.WouldBe
}

// rampBase is what doubling is measured from: the least that was in force in the last 5 minutes.
func (in Input) rampBase() int {
	base := in.UnitsNow
	if n := len(in.Trail); n > 0 {
		base = max(base, in.inForce(in.Trail[n-1]))
		if low, ok := in.Trail.lowest(in.Now, in.inForce); ok {
			base = min(base, max(low, in.Profile.MinUnits))
		}
	}
	return base
}

// byMode turns the wish into what /scale answers: rules 7 and 8.
func (in Input) byMode(want choice) choice {
	if o := in.Override; o != nil && (o.Until.IsZero() || in.Now.Before(o.Until)) {
		return choice{max(o.Units, 0), ReasonOverride}
	}
	if in.Frozen {
		if in.Previous != nil {
			return choice{in.Previous.Units, ReasonFrozen}
		}
		return choice{in.Profile.MinUnits, ReasonFrozen}
	}
	answer := want
	switch in.Mode {
	case surgecast.ModeAct:
	case surgecast.ModeAdvise:
		answer = choice{in.Profile.MinUnits, ReasonAdvise}
	default:
		answer = choice{in.Profile.MinUnits, ReasonShadow}
	}
	// What was answered comes down by the same pace when a mode changes or an override ends: units a
	// person asked for must not vanish in the minute their override does.
	if len(in.Trail) > 0 {
		u, at := in.Trail.since(func(p Point) int { return p.Answered })
		low := lowestAllowed(u, in.Now.Sub(at))
		if in.Mode == surgecast.ModeAct && !in.informed() {
			low = u
		}
		if in.Profile.MaxUnits > 0 {
			low = min(low, in.Profile.MaxUnits)
		}
		answer = answer.atLeast(low, ReasonHandingBack)
	}
	return answer
}

func leadMinutes(p surgecast.CapacityProfile) int {
	return min((max(p.LeadTimeP95Seconds, 0)+59)/60, maxMinutes-1)
}

func sequence(previous *surgecast.Recommendation, rec surgecast.Recommendation) int64 {
	switch {
	case previous == nil:
		return 1
	case previous.Units == rec.Units && previous.WouldBeUnits == rec.WouldBeUnits:
		return previous.Sequence
	default:
		return previous.Sequence + 1
	}
}
