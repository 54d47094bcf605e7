package accesslog

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const clfLayout = "02/Jan/2006:15:04:05 -0700"

// clfClock reads times of the Common Log Format. Neighbouring lines mostly share theirs.
type clfClock struct {
	text [len(clfLayout)]byte
	at   int64
}

func (c *clfClock) read(b []byte) (int64, bool) {
	if string(b) == string(c.text[:]) {
		return c.at, true
	}
	t, err := time.Parse(clfLayout, string(b))
	if err != nil || !plausible(t.Unix()) {
		return 0, false
	}
	copy(c.text[:], b)
	c.at = t.Unix()
	return c.at, true
}

// isoLayouts are how servers write ISO 8601; without a zone it is UTC.
var isoLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999"}

// stamp reads a time in any of the forms access logs use: that of the Common Log Format, ISO 8601, or
// seconds, milliseconds, microseconds or nanoseconds since 1970.
func stamp(s string) (int64, bool) {
	if len(s) > 0 && len(s) <= 40 {
		if v, err := strconv.ParseFloat(s, 64); err == nil {
			for math.Abs(v) >= 1e11 { // 1e11 seconds is the year 5138
				v /= 1000
			}
			at := int64(math.Floor(v))
			return at, plausible(at)
		}
		s = strings.Trim(s, "[]")
		for _, layout := range isoLayouts {
			if t, err := time.Parse(layout, s); err == nil {
				return t.Unix(), plausible(t.Unix())
			}
		}
		if t, err := time.Parse(clfLayout, s); err == nil {
			return t.Unix(), plausible(t.Unix())
		}
	}
	return 0, false
}

// plausible bounds times to 1990 … 2200, the years minutes are kept of.
func plausible(at int64) bool { return at > 631152000 && at < 7258118400 }
