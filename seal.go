package surgecast

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// SealVersion is how rows of the ledger are sealed now. Rows keep the version they were sealed with and are checked
// by it for ever: what a version covers is never changed, a new column makes a new version.
//
//   - 1 left out the risk grid, the levels, what the model was fed and more.
//   - 2 covers every column, in two steps, so that a chain can be followed past a row that was thinned out (Link).
const SealVersion = 2

// Seal fills SealVersion, BodyHash, PrevHash and Hash: the row's hash covers the hash of the row before, so a row
// cannot be changed or taken out later without every following hash failing.
func (f *SiteForecast) Seal(prev []byte) {
	f.SealVersion, f.BodyHash, f.PrevHash = SealVersion, f.body(), prev
	f.Hash = f.Link().Hash(prev)
}

// Intact reports whether the row's seal still fits its content.
func (f *SiteForecast) Intact() bool {
	switch f.SealVersion {
	case 1:
		return len(f.BodyHash) == 0 && string(f.Hash) == string(f.sumV1())
	case 2:
		return string(f.BodyHash) == string(f.body()) && string(f.Hash) == string(f.Link().Hash(f.PrevHash))
	}
	return false
}

// Link is what the chain needs of a row sealed by version 2: it stays when the row itself is thinned out. It says by
// itself whether the row was one that may go, and the hashes after it say whether that is true.
type Link struct {
	SiteID   int64
	Segment  string
	Origin   time.Time
	State    State
	BodyHash []byte // of everything else in the row
}

// Link is the row's link; of rows sealed by version 2.
func (f *SiteForecast) Link() Link { return Link{f.SiteID, f.Segment, f.Origin, f.State, f.BodyHash} }

// Hash is the row's hash after a row whose hash is prev.
func (l Link) Hash(prev []byte) []byte {
	var s sealer
	s.text("surgecast ledger 2")
	s.bytes(prev)
	s.whole(l.SiteID)
	s.text(l.Segment)
	s.time(l.Origin)
	s.text(string(l.State))
	s.bytes(l.BodyHash)
	return s.sum()
}

// ReviewAround is how far before and after a surge its review looks: so far the ledger is kept whole.
const ReviewAround = time.Hour

// ThinnedMinutes is the clock of the rows that stay when the ledger is thinned: one origin in so many minutes.
const ThinnedMinutes = 15

// Thinnable are the states in which nothing happened: only their rows may be thinned out.
var Thinnable = []State{StateCalm, StateLearning, StateCannotTell}

// Spare reports whether a thinned ledger can do without the row: off the clock, and nothing happened.
func (l Link) Spare() bool {
	return l.Origin.Unix()/60%ThinnedMinutes != 0 && slices.Contains(Thinnable, l.State)
}

// body is the hash of everything that Link does not name. The order and the encoding are part of version 2.
func (f *SiteForecast) body() []byte {
	s := sealer{b: make([]byte, 0, 1<<13)}
	s.text(f.ID)
	s.text(f.ModelVersion)
	s.time(f.IssuedAt)
	s.time(f.ValidUntil)
	s.whole(int64(f.StepSeconds))

	s.wholes(f.LeadMinutes)
	s.numbers(f.Levels)
	s.matrix(f.QuantilesRPM)
	s.wholes(f.HorizonMinutes)
	s.matrix(f.MaxQuantilesRPM)
	s.known(f.Risk != nil).numbers(f.Risk)
	s.known(f.GridRPM != nil).numbers(f.GridRPM)
	s.known(f.RiskGrid != nil).matrix(f.RiskGrid)
	s.whole(int64(f.ProfileStepMinutes))
	s.known(f.ProfileRPM != nil).numbers(f.ProfileRPM)
	s.known(f.PeakDotsRPM != nil).numbers(f.PeakDotsRPM)
	s.known(f.BreachDotsMinutes != nil).numbers(f.BreachDotsMinutes)
	s.known(f.TimeToBreachMinutes != nil).numbers(f.TimeToBreachMinutes)
	s.time(f.ActBy)
	s.text(f.ActByReason)
	s.whole(int64(f.LateBySeconds))

	s.number(f.DemandRPM)
	s.number(f.CapacityRPM)
	s.whole(int64(f.Units))
	s.number(f.RPMPerUnit)
	s.whole(int64(f.LeadTimeP95Seconds))
	s.whole(int64(f.SustainMinutes))
	s.number(f.CostLostRequest)
	s.number(f.CostIdleUnitHour)
	s.number(f.Alpha)

	s.recommendation(&f.Recommendation)
	s.verdict(&f.Verdict)
	s.known(f.Degraded != nil).texts(f.Degraded)
	s.known(f.Drivers != nil).whole(int64(len(f.Drivers)))
	for _, d := range f.Drivers {
		s.text(d.Name)
		s.numbers([]float64{d.Share, d.Low, d.High, d.DoublingMinutes})
		s.text(d.Decay)
	}
	s.whole(int64(len(f.Fed)))
	for i := range f.Fed {
		s.fed(&f.Fed[i])
	}
	return s.sum()
}

func (s *sealer) recommendation(r *Recommendation) {
	s.text(r.ID)
	s.whole(r.Sequence)
	s.wholes([]int{r.Units, r.WouldBeUnits, r.PreviousUnits, r.MinUnits, r.MaxUnits})
	s.numbers([]float64{r.DemandRPM, r.Alpha, r.CostActing, r.CostWaiting})
	s.wholes(r.WindowMinutes[:])
	s.text(r.Reason)
	s.text(r.Detail)
	s.time(r.IssuedAt)
	s.time(r.ValidUntil)
	s.known(r.Plan != nil).whole(int64(len(r.Plan)))
	for _, p := range r.Plan {
		s.time(p.At)
		s.whole(int64(p.Units))
	}
}

func (s *sealer) verdict(v *Verdict) {
	s.texts([]string{string(v.State), v.Headline, v.Sentence, v.Word, v.ShownPercent, v.Overview, v.Visitors, v.Was})
	s.number(v.ShownValue)
	s.known(v.Caveats != nil).texts(v.Caveats)
	s.whole(int64(v.Horizon))
	s.known(v.Simulated)
}

func (s *sealer) fed(f *Fed) {
	s.time(f.Minute)
	s.number(f.Value)
	s.known(f.Bound)
	s.numbers(f.Signals)
	s.known(f.Plan != nil).whole(int64(len(f.Plan))) // nil: nothing new; empty: nothing is planned any more
	for _, t := range f.Plan {
		s.texts([]string{t.EventID, string(t.Kind), t.Name})
		s.time(t.StartsAt)
		s.time(t.EndsAt)
		s.numbers([]float64{t.Visits, t.LogSD})
	}
}

// sealer lays values one after the other so that no two rows lay out alike: whatever varies in length says its length.
type sealer struct{ b []byte }

func (s *sealer) sum() []byte {
	h := sha256.Sum256(s.b)
	return h[:]
}

func (s *sealer) whole(n int64) { s.b = binary.LittleEndian.AppendUint64(s.b, uint64(n)) }

func (s *sealer) known(yes bool) *sealer {
	if yes {
		s.b = append(s.b, 1)
	} else {
		s.b = append(s.b, 0)
	}
	return s
}

// number writes every NaN alike and no negative zero: not every column keeps them apart.
func (s *sealer) number(x float64) {
	switch {
	case math.IsNaN(x):
		x = math.NaN()
	case x == 0: // of either sign
		x = 0
	}
	s.b = binary.LittleEndian.AppendUint64(s.b, math.Float64bits(x))
}

// text writes what is no UTF-8 as JSON keeps it, each such byte as one U+FFFD.
func (s *sealer) text(t string) {
	if !utf8.ValidString(t) {
		t = string([]rune(t))
	}
	s.bytes([]byte(t))
}

func (s *sealer) bytes(b []byte) {
	s.whole(int64(len(b)))
	s.b = append(s.b, b...)
}

// time is to the nanosecond, in any zone.
func (s *sealer) time(t time.Time) {
	s.whole(t.Unix())
	s.whole(int64(t.Nanosecond()))
}

func (s *sealer) wholes(ns []int) {
	s.whole(int64(len(ns)))
	for _, n := range ns {
		s.whole(int64(n))
	}
}

func (s *sealer) numbers(xs []float64) {
	s.whole(int64(len(xs)))
	for _, x := range xs {
		s.number(x)
	}
}

// matrix says how many numbers there are; the grids, which are sealed beside it, say how they lie.
func (s *sealer) matrix(m [][]float64) {
	n := 0
	for _, row := range m {
		n += len(row)
	}
	s.whole(int64(n))
	for _, row := range m {
		for _, x := range row {
			s.number(x)
		}
	}
}

func (s *sealer) texts(ts []string) {
	s.whole(int64(len(ts)))
	for _, t := range ts {
		s.text(t)
	}
}

// verdictV1 is what version 1 seals of a verdict, as JSON: Verdict as it was then.
type verdictV1 struct {
	State        State    `json:"state"`
	Headline     string   `json:"headline"`
	Sentence     string   `json:"sentence"`
	Word         string   `json:"word"`
	ShownPercent string   `json:"shown_percent"`
	ShownValue   float64  `json:"shown_value"`
	Overview     string   `json:"overview"`
	Visitors     string   `json:"visitors"`
	Caveats      []string `json:"caveats"`
	Horizon      int      `json:"horizon_minutes"`
	Simulated    bool     `json:"simulated"`
}

// sumV1 is how rows were sealed before versions were told.
func (f *SiteForecast) sumV1() []byte {
	h := sha256.New()
	h.Write(f.PrevHash)
	str := func(s string) {
		_ = binary.Write(h, binary.LittleEndian, int64(len(s)))
		h.Write([]byte(s))
	}
	num := func(xs ...float64) {
		for _, x := range xs {
			_ = binary.Write(h, binary.LittleEndian, math.Float64bits(x))
		}
	}
	str(f.ID)
	str(f.Segment)
	str(f.ModelVersion)
	num(float64(f.SiteID), float64(f.Origin.UnixMicro()), float64(f.IssuedAt.UnixMicro()), float64(f.StepSeconds))
	for _, q := range f.QuantilesRPM {
		num(q...)
	}
	for _, q := range f.MaxQuantilesRPM {
		num(q...)
	}
	num(f.Risk...)
	num(f.DemandRPM, f.CapacityRPM, float64(f.Units), f.RPMPerUnit, float64(f.LeadTimeP95Seconds), f.CostLostRequest, f.CostIdleUnitHour, f.Alpha)
	num(float64(f.Recommendation.Units), float64(f.Recommendation.WouldBeUnits), float64(f.Recommendation.Sequence))
	if !f.ActBy.IsZero() {
		num(float64(f.ActBy.Unix()))
	}
	str(string(f.State))
	said := &f.Verdict
	v, err := json.Marshal(verdictV1{
		said.State, said.Headline, said.Sentence, said.Word, said.ShownPercent, said.ShownValue, said.Overview, said.Visitors,
		said.Caveats, said.Horizon, said.Simulated,
	})
	if err != nil { // strings and numbers only: cannot fail
		panic(err)
	}
	str(string(v))
	return h.Sum(nil)
}
