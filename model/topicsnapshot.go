package model

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// A snapshot of a Topic is little-endian, of one length for all:
//
//	version byte · grid uint32 · numbers · CRC-32C of all before
//
// Floats are stored as they are held, bit by bit, so a restored topic goes on as if it had never stopped. The version
// rises with the layout, and with what is learnt: a topic that learnt another way goes on from its stored counts.
const (
	topicVersion = 3 // 1: without the wave; 2: the errors of a young topic are spread, its level is that of its whole life, and what it is off by has no place
	waveBytes    = 4 * 11
	topicBytes   = 1 + 4 + 8 + 8 + 8 + 4*4 + 4*(topicFine+topicCoarse+topicMemories) + topicLeads*(12+4*topicLevels+8*topicSlots) + waveBytes + 4
)

func (g *topicGrid) checksum() uint32 {
	b := fmt.Appendf(nil, "%d %v %v %v", g.step, g.leads, g.gain, TopicLevels)
	return crc32.Checksum(b, castagnoli)
}

// AppendBinary appends a snapshot of everything the topic has learnt.
func (t *Topic) AppendBinary(b []byte) ([]byte, error) {
	begin := len(b)
	b = append(b, topicVersion)
	le := binary.LittleEndian
	b = le.AppendUint32(b, t.grid.sum)
	b = le.AppendUint64(b, uint64(t.unix))
	b = le.AppendUint64(b, math.Float64bits(t.level))
	b = le.AppendUint64(b, math.Float64bits(t.spread))
	b = le.AppendUint32(b, uint32(t.t))
	b = le.AppendUint32(b, uint32(t.n))
	floats := func(xs []float32) {
		for _, x := range xs {
			b = le.AppendUint32(b, math.Float32bits(x))
		}
	}
	floats([]float32{t.last, t.most})
	floats(t.fine[:])
	floats(t.coarse[:])
	floats(t.s[:])
	for i := range t.leads {
		l := &t.leads[i]
		floats([]float32{l.scale, l.place})
		b = le.AppendUint32(b, uint32(l.n))
		floats(l.q[:])
		for k := range l.ring {
			floats([]float32{l.ring[k].centre, l.ring[k].scale})
		}
	}
	w := &t.wave
	over := float32(0)
	if w.over {
		over = 1
	}
	floats([]float32{w.peak, over, w.c, w.x, w.y, w.xx, w.xy, w.yy, w.changes, w.steps})
	b = le.AppendUint32(b, uint32(w.age))
	return le.AppendUint32(b, crc32.Checksum(b[begin:], castagnoli)), nil
}

// CutTopic restores the topic whose snapshot b begins with, of a source with that step, and answers what
// follows it. ErrSnapshotDamaged and ErrSnapshotGrid (of another step, or an older version) say why it cannot.
func CutTopic(b []byte, stepSeconds int) (t Topic, rest []byte, err error) {
	if len(b) > 0 && b[0] > 0 && b[0] < topicVersion { // of another length, perhaps
		return t, nil, fmt.Errorf("restoring a topic of version %d: %w", b[0], ErrSnapshotGrid)
	}
	if len(b) < topicBytes {
		return t, nil, fmt.Errorf("restoring a topic of %d bytes: %w", len(b), ErrSnapshotDamaged)
	}
	b, rest = b[:topicBytes], b[topicBytes:]
	le := binary.LittleEndian
	const end = topicBytes - 4
	if le.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return t, nil, fmt.Errorf("restoring a topic: %w", ErrSnapshotDamaged)
	}
	t = NewTopic(stepSeconds)
	if b[0] != topicVersion || le.Uint32(b[1:]) != t.grid.sum {
		return t, nil, fmt.Errorf("restoring a topic: %w", ErrSnapshotGrid)
	}
	b = b[5:]
	next64 := func() uint64 { v := le.Uint64(b); b = b[8:]; return v }
	next32 := func() uint32 { v := le.Uint32(b); b = b[4:]; return v }
	floats := func(xs []float32) {
		for i := range xs {
			xs[i] = math.Float32frombits(next32())
		}
	}
	t.unix = int64(next64())
	t.level, t.spread = math.Float64frombits(next64()), math.Float64frombits(next64())
	t.t, t.n = int32(next32()), int32(next32())
	t.last, t.most = math.Float32frombits(next32()), math.Float32frombits(next32())
	floats(t.fine[:])
	floats(t.coarse[:])
	floats(t.s[:])
	for i := range t.leads {
		l := &t.leads[i]
		l.scale, l.place = math.Float32frombits(next32()), math.Float32frombits(next32())
		l.n = int32(next32())
		floats(l.q[:])
		for k := range l.ring {
			l.ring[k].centre, l.ring[k].scale = math.Float32frombits(next32()), math.Float32frombits(next32())
		}
	}
	var over float32
	w := &t.wave
	for _, x := range []*float32{&w.peak, &over, &w.c, &w.x, &w.y, &w.xx, &w.xy, &w.yy, &w.changes, &w.steps} {
		*x = math.Float32frombits(next32())
	}
	w.over, w.age = over != 0, int32(next32())
	return t, rest, nil
}
