package model

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// mentions is a day's course of a topic with bursts: what a Topic and a Series are compared on.
func mentions(r *rand.Rand, i int, burst *float64) float64 {
	*burst *= .96
	if r.IntN(2000) == 0 {
		*burst += 60 * r.Float64()
	}
	return poisson(r, 6+4*math.Sin(2*math.Pi*float64(i)/1440)+*burst)
}

// A topic restored from its snapshot goes on exactly as one that never stopped, also behind another's.
//
// Fails when: AppendBinary leaves out the rings.
func TestRestoredTopicGoesOnUnchanged(t *testing.T) {
	t.Parallel()
	r, burst := rand.New(rand.NewPCG(1, 2)), 0.
	a := NewTopic(60)
	var fa, fb Forecast
	for i := range 6000 {
		o := Obs{Value: mentions(r, i, &burst), Missing: i%97 == 3, Damp: i%1000 > 950}
		if i%501 == 500 {
			blob, err := a.AppendBinary([]byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			blob, err = a.AppendBinary(blob)
			if err != nil {
				t.Fatal(err)
			}
			b, rest, err := CutTopic(blob[1:], 60)
			if err != nil || len(rest) != len(blob)/2 {
				t.Fatalf("rest of %d bytes, %v", len(rest), err)
			}
			a.Step(int64(i)*60, o)
			b.Step(int64(i)*60, o)
			if a != b {
				t.Fatalf("step %d: another topic after its snapshot", i)
			}
			a.Forecast(&fa)
			b.Forecast(&fb)
			for k := range fa.Q {
				for l := range fa.Q[k] {
					if fa.Q[k][l] != fb.Q[k][l] {
						t.Fatalf("step %d: forecast %v, want %v", i, fb.Q, fa.Q)
					}
				}
			}
			continue
		}
		a.Step(int64(i)*60, o)
	}
}

// storedTopic is the snapshot of a topic of a hundred minutes.
func storedTopic(t *testing.T) []byte {
	t.Helper()
	a := NewTopic(60)
	for i := range 100 {
		a.Step(int64(i)*60, Obs{Value: float64(i % 7)})
	}
	blob, err := a.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

// Any byte that is changed, and a snapshot of another step, is refused.
//
// Fails when: CutTopic does not compare the checksum.
func TestDamagedTopicIsRefused(t *testing.T) {
	t.Parallel()
	blob := storedTopic(t)
	for i := range blob {
		b := append([]byte(nil), blob...)
		b[i] ^= 0x10
		if _, _, err := CutTopic(b, 60); !errors.Is(err, ErrSnapshotDamaged) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, _, err := CutTopic(blob[:i], 60); !errors.Is(err, ErrSnapshotDamaged) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if _, _, err := CutTopic(blob, 300); !errors.Is(err, ErrSnapshotGrid) {
		t.Errorf("of another step: %v", err)
	}
}

// A topic that learnt another way is not gone on with, of whatever length its snapshot is.
//
// Fails when: topicVersion is 2 again, or CutTopic does not look at it.
func TestTopicOfAnOlderVersionIsRefused(t *testing.T) {
	t.Parallel()
	blob := storedTopic(t)
	for version := range byte(3) {
		for _, length := range []int{topicBytes - waveBytes, topicBytes} {
			old := append([]byte(nil), blob[:length-4]...)
			old[0] = version
			old = binary.LittleEndian.AppendUint32(old, crc32.Checksum(old, castagnoli))
			_, _, err := CutTopic(old, 60)
			if want := version > 0; err == nil || want && !errors.Is(err, ErrSnapshotGrid) {
				t.Errorf("version %d, %d bytes: %v", version, length, err)
			}
		}
	}
}

// The small form forecasts what the cheap form of a Series does: its loss at an hour is within 3 %, and four of
// five counts lie in the 80 % interval.
//
// Fails when: learn leaves the scale as it was, or shapes leaves out the half-hours.
func TestTopicIsAsGoodAsTheSeries(t *testing.T) {
	t.Parallel()
	const steps, begin, lead, at = 16 * 1440, 4 * 1440, 60, 1
	r, burst := rand.New(rand.NewPCG(3, 4)), 0.
	small, large := NewTopic(60), New(topicConfig())
	hour := -1
	for i, h := range topicConfig().Leads {
		if h == lead {
			hour = i
		}
	}
	level := map[float64]int{}
	for i, p := range topicConfig().Levels {
		level[p] = i
	}
	var fs, fl Forecast
	var waiting [lead][2][topicLevels]float64
	var loss [2]float64
	inside, n := 0., 0.
	for i := range steps {
		y := mentions(r, i, &burst)
		if i >= begin {
			q := waiting[i%lead]
			for k, p := range TopicLevels {
				for j := range q {
					if y < q[j][k] {
						loss[j] += (1 - p) * (q[j][k] - y)
					} else {
						loss[j] += p * (y - q[j][k])
					}
				}
			}
			n++
			if y >= q[0][0] && y <= q[0][2] {
				inside++
			}
		}
		small.Step(int64(i)*60, Obs{Value: y})
		large.Step(int64(i)*60, Obs{Value: y})
		if i < begin-lead {
			continue
		}
		small.Forecast(&fs)
		large.Forecast(&fl)
		for k, p := range TopicLevels {
			waiting[i%lead][0][k], waiting[i%lead][1][k] = fs.Q[at][k], fl.Q[hour][level[p]]
		}
	}
	t.Logf("loss at an hour %.4f of the series', %.3f inside the 80 %% interval", loss[0]/loss[1], inside/n)
	if loss[0] > 1.03*loss[1] {
		t.Errorf("loss %.1f, the series' is %.1f", loss[0], loss[1])
	}
	if c := inside / n; c < .77 || c > .88 { // counts are whole: an interval may hold a little more
		t.Errorf("%.3f inside the 80 %% interval", c)
	}
}

// Odd series, odd steps: no NaN, no crossing, no panic.
//
// Fails when: Forecast does not take the running maximum.
func TestOddTopicsStayFinite(t *testing.T) {
	t.Parallel()
	for _, step := range []int{1, 60, 300, 3600, 86400, 7 * 86400} {
		r := rand.New(rand.NewPCG(5, uint64(step)))
		a := NewTopic(step)
		var f Forecast
		for i := range 3000 {
			o := Obs{Value: math.Exp(40 * r.Float64() * r.Float64())}
			switch r.IntN(8) {
			case 0:
				o.Value = math.NaN()
			case 1:
				o.Missing = true
			case 2:
				o.Value = 0
			case 3:
				o.Value = math.Inf(1)
			}
			a.Step(-1e9+int64(i*step), o)
			a.Forecast(&f)
			for _, q := range f.Q {
				for k, v := range q {
					if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 || k > 0 && v < q[k-1] {
						t.Fatalf("step %d s, %d: %v", step, i, q)
					}
				}
			}
			if u := a.Usual(int64(i * step)); math.IsNaN(u) || u < 0 {
				t.Fatalf("usual %v", u)
			}
		}
	}
}

// A topic takes no more than DESIGN 11 leaves it: 100,000 of them beside a thousand sites in 1 GiB. A step
// makes no garbage.
//
// Fails when: topicSlots is doubled.
func TestTopicIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Topic{}); n > 1024 {
		t.Errorf("%d bytes a topic, want at most 1024", n)
	}
	a := NewTopic(60)
	var f Forecast
	a.Forecast(&f)
	if n := testing.AllocsPerRun(100, func() { a.Step(0, Obs{Value: 3}); a.Forecast(&f) }); n != 0 {
		t.Errorf("%g allocations a step", n)
	}
}

func BenchmarkStepSmallTopic(b *testing.B) {
	r, burst := rand.New(rand.NewPCG(6, 7)), 0.
	a := NewTopic(60)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		a.Step(int64(i)*60, Obs{Value: mentions(r, i, &burst)})
		i++
	}
	b.ReportMetric(15, "µs/budget")
}

// Talk that is born with a peak and fades as attention does, 300 (1 + t/5)^-1.1 a minute: two to five hours after it
// the 95 % quantile an hour ahead is at most twelve times what comes, and what comes lies below most of them.
//
// Fails when: topicBrief is 6, or track leaves the other levels where they are.
func TestTalkThatFadesIsNotExpectedBack(t *testing.T) {
	topic := NewTopic(60)
	rng := rand.New(rand.NewPCG(5, 6))
	rate := func(i int) float64 { return 300 * math.Pow(1+float64(i)/5, -1.1) }
	hour, high := slices.Index(TopicLeadMinutes[:], 60), slices.Index(TopicLevels[:], .95)
	var f Forecast
	widest, covered, n := 0., 0, 0
	for i := range 300 {
		topic.Step(int64(monday)+int64(i)*60, Obs{Value: poisson(rng, rate(i))})
		if i < 120 {
			continue
		}
		topic.Forecast(&f)
		widest = max(widest, f.Q[hour][high]/rate(i+60))
		n++
		if f.Q[hour][high] > rate(i+60) {
			covered++
		}
	}
	t.Logf("widest %.1f, %d of %d", widest, covered, n)
	if widest > 12 || covered < n*8/10 {
		t.Errorf("up to %.0f times what comes; %d of %d lie above it", widest, covered, n)
	}
}
