package accesslog

import "math"

// sketch holds durations so that any quantile is known to 1 %, whatever the order they came in, in at
// most a thousand counters (DDSketch: Masson, Rim and Lee, VLDB 2019):
//
//	γ = (1+α)/(1−α), a value x counts in bucket ⌈log_γ x⌉, which stands for 2γ^i/(γ+1)
type sketch struct {
	n       uint64
	buckets map[int16]uint32
}

const sketchAlpha = .01

var (
	sketchGamma    = (1 + sketchAlpha) / (1 - sketchAlpha)
	sketchLogGamma = math.Log(sketchGamma)
)

// add counts a duration of ms milliseconds; below 0.01 ms it counts as that, above 10⁷ ms likewise.
func (s *sketch) add(ms float64) {
	if s.buckets == nil {
		s.buckets = map[int16]uint32{}
	}
	s.buckets[int16(math.Ceil(math.Log(min(max(ms, .01), 1e7))/sketchLogGamma))]++
	s.n++
}

// quantile is the value a share q of the durations does not exceed; 0 when there are none.
func (s *sketch) quantile(q float64) float64 {
	if s.n == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(s.n)))
	least := int16(math.MaxInt16)
	most := int16(math.MinInt16)
	for i := range s.buckets {
		least, most = min(least, i), max(most, i)
	}
	seen := uint64(0)
	for i := least; i <= most; i++ {
		if seen += uint64(s.buckets[i]); seen >= rank {
			return 2 * math.Pow(sketchGamma, float64(i)) / (sketchGamma + 1)
		}
	}
	return 0
}
