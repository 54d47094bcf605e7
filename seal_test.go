package surgecast_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"surgecast"
)

var sealedAt = time.Date(2026, 3, 9, 12, 7, 0, 0, time.UTC)

// sealed fills every field, so that the tests below find one that a seal leaves out.
func sealed() surgecast.SiteForecast {
	at := sealedAt
	return surgecast.SiteForecast{
		ID: "fct_1", SiteID: 3, Segment: "total", Origin: at, IssuedAt: at.Add(61 * time.Second), ValidUntil: at.Add(3 * time.Minute), StepSeconds: 60,
		LeadMinutes: []int{1, 2}, Levels: []float64{.1, .9}, QuantilesRPM: [][]float64{{1, 2}, {3, 4}},
		HorizonMinutes: []int{5}, MaxQuantilesRPM: [][]float64{{5, 6}}, Risk: []float64{.25}, GridRPM: []float64{7, 8}, RiskGrid: [][]float64{{.5, .125}},
		ProfileStepMinutes: 30, ProfileRPM: []float64{9}, PeakDotsRPM: []float64{10}, BreachDotsMinutes: []float64{11, math.NaN()}, TimeToBreachMinutes: []float64{12},
		ActBy: at.Add(5 * time.Minute), ActByReason: "none", LateBySeconds: 7,
		DemandRPM: 13, CapacityRPM: 14, Units: 15, RPMPerUnit: 16, LeadTimeP95Seconds: 17, SustainMinutes: 18, CostLostRequest: 19, CostIdleUnitHour: 20, Alpha: .95,
		Recommendation: surgecast.Recommendation{
			ID: "rec_1", Sequence: 21, Units: 22, WouldBeUnits: 23, PreviousUnits: 24, MinUnits: 25, MaxUnits: 26, DemandRPM: 27, Alpha: .9,
			WindowMinutes: [2]int{28, 29}, Reason: "forecast", Detail: "Because.", IssuedAt: at, ValidUntil: at, CostActing: math.Inf(1), CostWaiting: 30,
			Plan: []surgecast.Step{{At: at, Units: 31}},
		},
		State: surgecast.StateWatch, Degraded: []string{"mentions"},
		Verdict: surgecast.Verdict{
			State: surgecast.StateWatch, Headline: "Watch", Sentence: "A chance.", Word: "even", ShownPercent: "40 %", ShownValue: 40, Overview: "o",
			Visitors: "v", Was: "w", Caveats: []string{"young"}, Horizon: 360, Simulated: true,
		},
		Drivers: []surgecast.Driver{{Name: "posts", Share: .1, Low: .2, High: .3, DoublingMinutes: 32, Decay: "viral"}},
		Fed: []surgecast.Fed{{Minute: at, Value: 33, Bound: true, Signals: []float64{34}, Plan: []surgecast.Told{
			{EventID: "evt_1", Kind: surgecast.EventSale, Name: "Sale", StartsAt: at, EndsAt: at.Add(time.Hour), Visits: 35, LogSD: .8},
		}}},
		ModelVersion: "3",
	}
}

// leaves calls see with every number, word, flag and time below v, and what to put it back to afterwards.
func leaves(path string, v reflect.Value, see func(path string, change func())) {
	keep := func(change func()) {
		was := reflect.New(v.Type()).Elem()
		was.Set(v)
		see(path, change)
		v.Set(was)
	}
	switch v.Kind() {
	case reflect.Struct:
		if t, isTime := v.Interface().(time.Time); isTime {
			keep(func() { v.Set(reflect.ValueOf(t.Add(time.Microsecond))) })
			return
		}
		for i := range v.NumField() {
			leaves(path+"."+v.Type().Field(i).Name, v.Field(i), see)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			leaves(fmt.Sprintf("%s[%d]", path, i), v.Index(i), see)
		}
		if v.Kind() == reflect.Slice {
			keep(func() { v.Set(reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, 0), v.Slice(0, v.Len()-1))) })
		}
	case reflect.Float64:
		keep(func() {
			if v.SetFloat(math.Nextafter(v.Float(), 1e9)); math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
				v.SetFloat(1)
			}
		})
	case reflect.Int, reflect.Int64:
		keep(func() { v.SetInt(v.Int() + 1) })
	case reflect.String:
		keep(func() { v.SetString(v.String() + "x") })
	case reflect.Bool:
		keep(func() { v.SetBool(!v.Bool()) })
	case reflect.Uint8:
		keep(func() { v.SetUint(v.Uint() ^ 1) })
	default:
		panic(path + " is of a kind this test does not know: " + v.Kind().String())
	}
}

// Whatever of a sealed row is changed afterwards is found, down to the last bit of a number.
// Fails when: any line of body, recommendation, verdict or fed is left out, or SiteForecast gets a field no seal covers.
func TestSealCoversEverything(t *testing.T) {
	f := sealed()
	f.Seal([]byte("the row before"))
	if !f.Intact() {
		t.Fatal("a row just sealed does not fit its seal")
	}
	n := 0
	leaves("", reflect.ValueOf(&f).Elem(), func(path string, change func()) {
		n++
		if v := reflect.ValueOf(&f).Elem().FieldByName(strings.Split(strings.TrimPrefix(path, "."), "[")[0]); v.IsValid() && v.Kind() == reflect.Slice && v.Len() == 0 {
			t.Errorf("%s is empty: fill it", path)
		}
		change()
		if f.Intact() {
			t.Errorf("%s was changed and the seal still fits", path)
		}
	})
	if n < 150 || !f.Intact() {
		t.Errorf("%d values changed and put back, intact: %t; want more than 150, true", n, f.Intact())
	}
	// Nothing and nothing known are not the same.
	for name, change := range map[string]func(*surgecast.SiteForecast){
		"no plan any more":    func(f *surgecast.SiteForecast) { f.Fed[0].Plan = []surgecast.Told{} },
		"talk weighed":        func(f *surgecast.SiteForecast) { f.Drivers = []surgecast.Driver{} },
		"no chance was given": func(f *surgecast.SiteForecast) { f.Risk = []float64{} },
	} {
		f := sealed()
		f.Fed[0].Plan, f.Drivers, f.Risk = nil, nil, nil
		f.Seal(nil)
		if change(&f); f.Intact() {
			t.Errorf("%s: nil became empty and the seal still fits", name)
		}
	}
}

// Rows sealed by version 1 keep fitting. The hash was taken from the program that knew no versions.
// Fails when: anything in sumV1 changes.
func TestRowsOfVersion1KeepVerifying(t *testing.T) {
	f := sealed()
	f.SealVersion, f.PrevHash = 1, []byte("the row before")
	f.Hash, _ = hex.DecodeString("ae798e207c8b2bb64a22ebcdb8126df5a7f3a3806a710825e529ddadef9de429")
	if !f.Intact() {
		t.Error("a row of version 1 no longer fits its seal")
	}
	if f.SealVersion = 3; f.Intact() {
		t.Error("a version nobody knows fits")
	}
}

// A link that stays of a row leads from the row before to the row after, and no other does.
// Fails when: Hash leaves out any field of Link.
func TestLinkLeadsPastARow(t *testing.T) {
	f := sealed()
	f.Seal([]byte("the row before"))
	l := f.Link()
	if string(l.Hash([]byte("the row before"))) != string(f.Hash) {
		t.Fatal("the link does not give the row's hash")
	}
	leaves("", reflect.ValueOf(&l).Elem(), func(path string, change func()) {
		if change(); string(l.Hash([]byte("the row before"))) == string(f.Hash) {
			t.Errorf("%s was changed and the link still leads on", path)
		}
	})
	if string(l.Hash([]byte("another row"))) == string(f.Hash) {
		t.Error("the link leads on from another row")
	}
}

func TestWhatThinningMaySpare(t *testing.T) {
	for _, c := range []struct {
		minute int
		state  surgecast.State
		want   bool
	}{
		{7, surgecast.StateCalm, true},
		{7, surgecast.StateLearning, true},
		{7, surgecast.StateCannotTell, true},
		{15, surgecast.StateCalm, false},
		{0, surgecast.StateCannotTell, false},
		{7, surgecast.StateWatch, false},
		{7, surgecast.StateAlert, false},
		{7, surgecast.StateOver, false},
		{7, surgecast.StateRecovery, false},
		{7, surgecast.StateFailing, false},
		{7, "new", false},
	} {
		l := surgecast.Link{Origin: sealedAt.Truncate(time.Hour).Add(time.Duration(c.minute) * time.Minute), State: c.state}
		if got := l.Spare(); got != c.want {
			t.Errorf("minute %d, %s: Spare = %t, want %t", c.minute, c.state, got, c.want)
		}
	}
}
