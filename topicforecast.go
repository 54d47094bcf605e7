package surgecast

import "time"

// TopicForecast is one row of the topics' ledger: what was forecast of one source's mentions at an origin.
type TopicForecast struct {
	TopicID      int64
	Series       string    // slug of the source
	Origin       time.Time // start of the last complete bucket used
	IssuedAt     time.Time
	LeadMinutes  []int
	Levels       []float64
	Quantiles    [][]float64 // [lead][level], mentions a bucket of the source
	ModelVersion string
}
