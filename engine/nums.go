package engine

import (
	"encoding/json"
	"math"
)

// nums are numbers that may be missing: NaN in memory, null in JSON. Values survive the round trip to
// the last bit (encoding/json writes the shortest text that reads back equal).
type nums []float64

// MarshalJSON writes NaN and infinities as null.
func (n nums) MarshalJSON() ([]byte, error) {
	out := make([]*float64, len(n))
	for i := range n {
		if !math.IsNaN(n[i]) && !math.IsInf(n[i], 0) {
			out[i] = &n[i]
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads null as NaN.
func (n *nums) UnmarshalJSON(b []byte) error {
	var in []*float64
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*n = make(nums, len(in))
	for i, p := range in {
		if p == nil {
			(*n)[i] = math.NaN()
		} else {
			(*n)[i] = *p
		}
	}
	return nil
}
