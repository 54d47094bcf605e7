package api

import (
	"math"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Number is a float64 whose NaN and infinities are null: JSON knows neither, and unknown is not zero.
type Number float64

// MarshalJSON writes the shortest text that reads back as the same number.
func (n Number) MarshalJSON() ([]byte, error) {
	return appendNumber(make([]byte, 0, 24), float64(n)), nil
}

// Schema says number or null.
func (Number) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Format: "double", Nullable: true, Description: "null: unknown"}
}

// Rate is a Number of requests a minute, to a thousandth: more digits are noise that costs bytes.
type Rate float64

// MarshalJSON writes at most three decimals.
func (n Rate) MarshalJSON() ([]byte, error) {
	return appendNumber(make([]byte, 0, 24), math.Round(float64(n)*1000)/1000), nil
}

// Schema says number or null.
func (Rate) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Format: "double", Nullable: true, Description: "requests a minute; null: unknown"}
}

func appendNumber(b []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(b, "null"...)
	}
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(b, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, x, 'f', -1, 64)
}

func numbers(xs []float64) []Number {
	out := make([]Number, len(xs))
	for i, x := range xs {
		out[i] = Number(x)
	}
	return out
}

func rates(xs []float64) []Rate {
	out := make([]Rate, len(xs))
	for i, x := range xs {
		out[i] = Rate(x)
	}
	return out
}

// unknownIfZero: a configured 0 that means "not known" is null outside.
func unknownIfZero(x float64) float64 {
	if x == 0 {
		return math.NaN()
	}
	return x
}

// maybe is null for the zero time.
func maybe(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
