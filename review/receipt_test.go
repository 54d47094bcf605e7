package review

import (
	"testing"
	"time"

	"surgecast"
)

// A receipt counts rows that do not fit their own seal, not only those that do not follow from the row before, and
// says which seals there were.
// Fails when: add does not ask Intact, or leaves out SealVersion.
func TestReceiptChecksSeals(t *testing.T) {
	start := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	rows := make([]surgecast.SiteForecast, 4)
	var prev []byte
	for i := range rows {
		f := &rows[i]
		f.ID, f.Segment, f.Origin, f.ModelVersion = surgecast.NewID("fct_"), surgecast.TotalSegment, start.Add(time.Duration(i)*time.Minute), "3"
		f.RiskGrid = [][]float64{{.5}}
		f.Seal(prev)
		prev = f.Hash
	}
	for name, c := range map[string]struct {
		change func()
		want   int
	}{
		"as written":         {func() {}, 0},
		"a changed row":      {func() { rows[1].RiskGrid[0][0] = .1 }, 1},
		"a row left out":     {func() { rows = append(rows[:1:1], rows[2:]...) }, 1},
		"a seal not its own": {func() { rows[2].SealVersion = 1 }, 1},
	} {
		all := rows
		rows = append([]surgecast.SiteForecast{}, all...)
		rows[1].RiskGrid = [][]float64{{.5}}
		c.change()
		var r Receipt
		for i := range rows {
			r.add(&rows[i])
		}
		if r.Broken != c.want {
			t.Errorf("%s: %d broken, want %d", name, r.Broken, c.want)
		}
		rows = all
	}
	var r Receipt
	for i := range rows {
		r.add(&rows[i])
	}
	if got := r.sealed(); got != ", seal 2" || r.LastID != rows[3].ID {
		t.Errorf("the receipt ends with %s%s, want %s, seal 2", r.LastID, got, rows[3].ID)
	}
}
