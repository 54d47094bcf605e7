package review

import (
	"encoding/json"
	"math"
)

// Number is a float that may be unknown: NaN travels as null, because JSON has no NaN and zero would be
// a claim.
type Number float64

// unknown is the Number of which nothing is known.
var unknown = Number(math.NaN())

// Known reports whether there is a number.
func (n Number) Known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON writes null for an unknown number.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads null as unknown.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = unknown
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// ratio is a/b, unknown when there is nothing to divide by.
func ratio(a, b float64) Number {
	if b == 0 {
		return unknown
	}
	return Number(a / b)
}

// chance is a probability, unknown when p is none.
func chance(p float64) Number {
	if p >= 0 && p <= 1 {
		return Number(p)
	}
	return unknown
}

// largest is beyond what any site serves in a minute; a value above it is damage, not a count, and would
// drown every sum it enters.
const largest = 1e12

// sane is x, or NaN when it cannot be a number of requests.
func sane(x float64) float64 {
	if math.Abs(x) <= largest {
		return x
	}
	return math.NaN()
}
