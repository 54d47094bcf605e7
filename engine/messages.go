package engine

import (
	"math"
	"time"

	"surgecast"
)

// surgeData is the data of surge.opened, surge.level_changed, surge.closed and forecast.stale.
type surgeData struct {
	Schema          int                 `json:"schema"`
	SurgeID         string              `json:"surge_id,omitempty"`
	Kind            surgecast.SurgeKind `json:"kind,omitempty"`
	Site            string              `json:"site,omitempty"`
	Topic           string              `json:"topic,omitempty"`
	Segment         string              `json:"segment,omitempty"`
	State           surgecast.State     `json:"state"`
	From            surgecast.State     `json:"from"`
	At              time.Time           `json:"at"` // minute of the data
	OpenedAt        time.Time           `json:"opened_at,omitzero"`
	AlertAt         time.Time           `json:"alert_at,omitzero"` // first alert of the episode
	ActBy           *time.Time          `json:"act_by,omitempty"`
	Probability     *float64            `json:"probability,omitempty"`
	ShownPercent    string              `json:"shown_percent,omitempty"`
	Word            string              `json:"word,omitempty"`
	DemandRPM       *float64            `json:"demand_rpm,omitempty"`
	CapacityRPM     float64             `json:"capacity_rpm,omitempty"`
	UnitsNow        int                 `json:"units_now,omitempty"`
	WouldBeUnits    int                 `json:"would_be_units,omitempty"`
	TimesUsual      *float64            `json:"times_usual,omitempty"`
	ErrorShare      *float64            `json:"error_share,omitempty"`
	UsualErrorShare *float64            `json:"usual_error_share,omitempty"`
	Headline        string              `json:"headline"`
	Sentence        string              `json:"sentence"`
	ForecastID      string              `json:"forecast_id,omitempty"`
	Simulated       bool                `json:"simulated"`
}

// unitsData is the data of recommendation.changed.
type unitsData struct {
	Schema        int            `json:"schema"`
	Site          string         `json:"site"`
	Mode          surgecast.Mode `json:"mode"`
	Units         int            `json:"units"`
	PreviousUnits int            `json:"previous_units"`
	WouldBeUnits  int            `json:"would_be_units"`
	ValidUntil    time.Time      `json:"valid_until"`
	Sequence      int64          `json:"sequence"`
	Reason        string         `json:"reason"`
	Detail        string         `json:"detail"`
	ForecastID    string         `json:"forecast_id"`
	Headline      string         `json:"headline,omitempty"` // the ledger took the site from act to advise
	Sentence      string         `json:"sentence,omitempty"`
	Simulated     bool           `json:"simulated"`
}

// number is nil when x is not one: JSON has no NaN, and null is not zero.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
