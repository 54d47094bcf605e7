package review

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// Rows come from a database other versions wrote: whatever their shape, a report comes out, without panic and
// without NaN in what people read.
func FuzzBuilder(f *testing.F) {
	f.Add([]byte("\x01\x02\x03 some minutes and a few rows of every length \xff\x00\xfe"))
	f.Add(bytes.Repeat([]byte{0, 17, 255, 3}, 60))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		next := func() int {
			b, err := r.ReadByte()
			if err != nil {
				return 0
			}
			return int(b)
		}
		float := func() float64 {
			var b [8]byte
			if _, err := io.ReadFull(r, b[:]); err != nil {
				return float64(next())
			}
			return math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
		}
		ints := func() (out []int) {
			for range next() % 4 {
				out = append(out, next()-20)
			}
			return out
		}
		floats := func() (out []float64) {
			for range next() % 4 {
				out = append(out, float())
			}
			return out
		}
		states := []surgecast.State{surgecast.StateCalm, surgecast.StateWatch, surgecast.StateAlert, surgecast.StateOver, "unheard-of"}
		site := testSite()
		site.Capacity.MaxUnits = next() % 3
		site.Capacity.Units = next() % 5
		b := NewBuilder(Options{Site: site})
		for r.Len() > 0 {
			when := at(next())
			switch next() % 4 {
			case 0, 1:
				_ = b.Minute(surgecast.TrafficMinute{Minute: when, Requests: float(), Saturated: next()%2 == 0}) // order is the caller's to keep
			case 2:
				_ = b.Forecast(&surgecast.SiteForecast{
					Origin: when, IssuedAt: when.Add(time.Duration(next()-100) * time.Second), LeadMinutes: ints(), Levels: floats(),
					QuantilesRPM: [][]float64{floats(), floats()}, HorizonMinutes: ints(), Risk: floats(), CapacityRPM: float(),
					Recommendation: surgecast.Recommendation{WouldBeUnits: next() - 10},
				})
			case 3:
				b.Transition(surgecast.SurgeTransition{
					SurgeID: "srg_1", IssuedAt: when, At: when, From: states[next()%len(states)], To: states[next()%len(states)], Probability: float(),
				})
			}
		}
		rep, err := b.Report()
		if err != nil {
			t.Fatal(err)
		}
		for name, write := range map[string]func(io.Writer) error{"text": rep.Text, "html": rep.HTML, "json": rep.JSON} {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if s := out.String(); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
				t.Errorf("%s holds a number nobody can read: %s", name, s)
			}
		}
	})
}
