package surgecast

import "time"

// CheckQuestion is the marketer's question: what does this topic do to that site?
type CheckQuestion struct {
	Site  Site
	Topic Topic // ID 0: not counted yet, the terms are what was asked
}

// CheckBasis says what an answer stands on.
type CheckBasis string

// The bases of an answer.
const (
	BasisCounted CheckBasis = "counted" // the topic's own counts
	BasisRecent  CheckBasis = "recent"  // counts of the last hours only: usual is a guess
	BasisPrior   CheckBasis = "prior"   // nothing was counted: cannot tell yet
)

// CheckWord is the answer in a word.
type CheckWord string

// The words of an answer (UX 2.3).
const (
	CheckGift          CheckWord = "gift"           // visits, and room for them
	CheckBoth          CheckWord = "both"           // a gift until capacity, then a threat
	CheckThreat        CheckWord = "threat"         // likely beyond capacity
	CheckNotNoticeable CheckWord = "not_noticeable" // too little to be seen in the site's traffic
	CheckCannotTell    CheckWord = "cannot_tell"
)

// CheckAnswer is what can be said of a topic and a site at one moment. Numbers that are not known are NaN.
type CheckAnswer struct {
	At       time.Time
	Word     CheckWord
	State    State // the site's, for the colour and the exit code
	Headline string
	Sentence string
	Caveats  []string
	Basis    CheckBasis

	Topic           string  // slug, empty when it is not counted
	Linked          bool    // the topic feeds the site's forecast
	MentionsNow     float64 // a minute, mean of the last minutes
	MentionsUsual   float64 // a minute, for this hour
	TimesUsual      float64
	DoublingMinutes float64 // NaN: not growing, or cannot tell

	Until       time.Time  // what the numbers below speak of
	ExtraVisits [3]float64 // requests beyond the usual until then: quantiles .1, .5 and .9, so 16 of 20 such cases lie between the ends
	Probability float64    // that the site's capacity is passed by then
	// Guessed says that no visit of this site was traced to the topic: ExtraVisits and Probability take a mention to
	// bring what it brings on similar sites. Alone is then the chance without the topic, by the site's own forecast.
	Guessed     bool
	Alone       float64
	CapacityRPM float64 // 0: unknown
	Counted     []CheckSource
	Simulated   bool
}

// CheckSource is how long a source has counted the topic.
type CheckSource struct {
	Source  string
	Since   time.Time // first bucket
	Through time.Time // end of the last bucket
	Summed  bool      // part of MentionsNow: posts of networks that do not share them; the others are signals of their own
}
