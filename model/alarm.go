package model

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// Alarm is a peaks-over-threshold test on raw counts. The model's own tail is a poor alarm: it is
// multiplicative, so three mentions in a quiet night look as odd as an explosion at noon.
//
//	v+1  ← (v+1) e^(γq)             where x > v, to x at most; it follows the q-quantile of x, q = 0.995, γ = 2 %
//	v+1  ← (v+1) e^(−γ(1−q))        where not
//	w    = log((x+1)/(v+1))         excess over it
//	H    ← H + 0.02 (min(w, 4H) − H) when w > 0      Hill estimate of the tail (Hill 1975)
//	a    = w/H                      severity, about −log of the conditional tail probability
//	env  ← max(a, env·e^(−1/T))     T = 24 h; it emits only above the envelope
//
// How high counts are is no alarm, so v starts at the first one; and talk mostly begins with a peak, from which the
// quantile would come down by 13 % in a day of minutes. So for a fifth of its first N counts v follows the middle, q = ½
// and γ = max(4 %, 2/(n+1)), and then climbs to the quantile, γ = max(2 %, 1/(n−N/5+1)), n with this count. H learns from
// the first on: the excess over any level of an exponential tail is the same. Only after all N does it emit and raise the
// envelope. N = 300, or the steps of a day where these are fewer, but 20 at least.
type Alarm struct {
	level, hill, envelope float64
	n, warm               int // n, N
	decay                 float64
}

const (
	alarmQuantile = .995
	alarmStep     = .02
	alarmMagic    = "SCal"
	alarmVersion  = 1 // of its snapshot
)

// NewAlarm returns an alarm for counts of stepSeconds each. It stays silent for its first 300 counts, or those of a day
// where these are fewer, but 20 at least: minutes for five hours, hours for a day.
func NewAlarm(stepSeconds int) *Alarm {
	step := float64(max(1, stepSeconds))
	return &Alarm{hill: .5, decay: math.Exp(-step / day), warm: max(20, int(min(day/step, 300)))}
}

// Step takes the count of one step in. severity ≤ 0 is nothing unusual; emit is true when it exceeds the
// decaying envelope of earlier ones, never in the first steps.
func (a *Alarm) Step(x float64) (severity float64, emit bool) {
	if math.IsNaN(x) || x < 0 {
		a.envelope *= a.decay
		return 0, false
	}
	x = min(x, largestCount)
	if a.n == 0 {
		a.level = x
	}
	a.n++
	w := math.Log((x + 1) / (a.level + 1))
	severity = w / a.hill
	q, step := .5, 2*max(alarmStep, 1/float64(a.n+1))
	if n := a.n - a.warm/5; n > 0 { // it climbs q/(1−q) times as fast as it falls
		q, step = alarmQuantile, max(alarmStep, 1/float64(n+1))
	}
	if x > a.level {
		a.level = (a.level+1)*math.Exp(step*q) - 1
		a.level = min(a.level, max(x, 0))
	} else {
		a.level = max((a.level+1)*math.Exp(-step*(1-q))-1, 0)
	}
	if w > 0 {
		a.hill = max(a.hill+.02*(min(w, 4*a.hill)-a.hill), .05)
	}
	a.envelope *= a.decay
	if a.n > a.warm && severity > a.envelope {
		emit = severity > 0
		a.envelope = severity
	}
	return severity, emit
}

func (a *Alarm) snapshot(c *codec) {
	c.num(&a.level)
	c.num(&a.hill)
	c.num(&a.envelope)
	c.num(&a.decay)
	c.whole(&a.n)
	c.whole(&a.warm)
}

// MarshalBinary returns a snapshot of the alarm.
func (a *Alarm) MarshalBinary() ([]byte, error) {
	b := append([]byte(nil), alarmMagic...)
	b = binary.LittleEndian.AppendUint16(b, alarmVersion)
	b = append(b, make([]byte, snapshotHead-6)...)
	c := codec{buf: b}
	a.snapshot(&c)
	b = c.buf
	binary.LittleEndian.PutUint32(b[snapshotHead-4:], uint32(len(b)-snapshotHead))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

// UnmarshalBinary restores a snapshot; after an error the alarm is as it was.
func (a *Alarm) UnmarshalBinary(b []byte) error {
	body, err := unseal(b, alarmMagic, alarmVersion, 0)
	if err != nil {
		return fmt.Errorf("restoring an alarm: %w", err)
	}
	var fresh Alarm
	c := codec{buf: body, reading: true}
	fresh.snapshot(&c)
	if c.short || len(c.buf) != 0 {
		return fmt.Errorf("restoring an alarm: %w", ErrSnapshotDamaged)
	}
	*a = fresh
	return nil
}
