package surgecast

import "time"

// Week is what the ledger shows of a site's forecasts over the days behind it: whether they were wrong so often that
// the site may no longer act on them by itself (docs/decisions/0012-demotion.md).
//
// It is judged on occasions that share no minute: one forecast, and the highest sustained demand of the HorizonMinutes
// after it; then the next forecast.
type Week struct {
	From           time.Time `json:"from"` // origins judged: [From, To)
	To             time.Time `json:"to"`
	HorizonMinutes int       `json:"horizon_minutes"` // of an occasion; 0: no horizon of the ledger suits the lead time
	Occasions      int       `json:"occasions"`       // of which enough minutes are known

	TooLow      Misses `json:"too_low"`     // the highest demand lay above the .95 quantile by more than a tenth
	TooHigh     Misses `json:"too_high"`    // … below the .05 quantile by more than a tenth
	Unannounced Misses `json:"unannounced"` // demand passed capacity although the chance said was below 10 %

	Outcome WeekOutcome `json:"outcome"`
}

// Misses is how often forecasts were wrong in one way.
type Misses struct {
	Times    int     `json:"times"`
	Of       int     `json:"of"`       // occasions that could show it
	Expected float64 `json:"expected"` // times it may happen to forecasts that are right
	// Chance is that of so many times or more if it happened twice as often as Expected: small, and even twice as
	// often does not explain it. 1 when nothing could be judged.
	Chance float64 `json:"chance"`
	Bad    bool    `json:"bad"`
}

// WeekOutcome is what a week comes to.
type WeekOutcome string

// The outcomes. Too little to judge is never bad.
const (
	WeekGood       WeekOutcome = "good"
	WeekBad        WeekOutcome = "bad"
	WeekCannotTell WeekOutcome = "cannot_tell"
)
