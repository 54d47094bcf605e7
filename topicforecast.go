package surgecast

import "time"

// TalkMotion is how a topic's mentions grow, or fell after their last peak.
type TalkMotion struct {
	DoublingMinutes float64 // 0: no growth that can be told from noise
	Decay           string  // news, viral or word_of_mouth; empty: no peak lately, or none of them
}

// TalkNow is how a topic is talked about at a moment, in the feed that says most of it.
type TalkNow struct {
	At         time.Time // start of the last complete bucket
	Source     string    // slug of the feed; empty: none has counted it lately
	TimesUsual float64   // of the feed's last minutes; NaN: what is usual is not known yet
	TalkMotion
	Sentence string // empty: nothing to say
}

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
