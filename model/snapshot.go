package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// A snapshot is a little-endian blob:
//
//	magic "SCmd" · version uint16 · form uint16 · grid uint64 · length uint32 · numbers · CRC-32C of all before
//
// grid is a checksum of step, zone, leads, levels, horizons and sustain: a blob fits only a series of the
// same grids. All numbers are stored bit by bit as they are kept (float64; what waits for its truth float32), so a
// restored series goes on exactly as if it had never stopped. The version rises with the layout; an older blob is refused with ErrSnapshotGrid, and its
// series starts from priors. Version 1: maxima without experts (two layouts of events, not told apart); 2: all
// in float64, talk with quantiles of its own; 3: the same layout, but quantiles
// that began narrower above; 4: no drift; 5: experts that never sleep; 6: trackers without a place, no time of the last
// value, and blocks of nothing known as zero.
const (
	snapshotMagic   = "SCmd"
	snapshotVersion = 7
	snapshotHead    = 4 + 2 + 2 + 8 + 4
)

// Errors of UnmarshalBinary. The series is unchanged by any of them; the caller starts it from priors.
var (
	ErrSnapshotDamaged = errors.New("damaged snapshot")
	ErrSnapshotGrid    = errors.New("snapshot of another grid or version")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// codec walks over the numbers of a state, writing or reading each in the same order.
type codec struct {
	buf     []byte
	reading bool
	short   bool
}

func (c *codec) num(x *float64) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, math.Float64bits(*x))
		return
	}
	if len(c.buf) < 8 {
		c.short = true
		*x = 0
		return
	}
	*x = math.Float64frombits(binary.LittleEndian.Uint64(c.buf))
	c.buf = c.buf[8:]
}

func (c *codec) nums(x []float64) {
	if c.reading && len(c.buf) >= 8*len(x) {
		for i := range x {
			x[i] = math.Float64frombits(binary.LittleEndian.Uint64(c.buf[8*i:]))
		}
		c.buf = c.buf[8*len(x):]
		return
	}
	for i := range x {
		c.num(&x[i])
	}
}

// small is nums of what is kept in 32 bits.
func (c *codec) small(x []float32) {
	for i := range x {
		if !c.reading {
			c.buf = binary.LittleEndian.AppendUint32(c.buf, math.Float32bits(x[i]))
			continue
		}
		if len(c.buf) < 4 {
			c.short = true
			x[i] = 0
			continue
		}
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(c.buf))
		c.buf = c.buf[4:]
	}
}

func (c *codec) whole(x *int) {
	v := int64(*x)
	c.long(&v)
	*x = int(v)
}

func (c *codec) long(x *int64) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, uint64(*x))
		return
	}
	if len(c.buf) < 8 {
		c.short = true
		*x = 0
		return
	}
	*x = int64(binary.LittleEndian.Uint64(c.buf))
	c.buf = c.buf[8:]
}

func (s *Series) grid() uint64 {
	h := crc32.New(castagnoli)
	b := fmt.Appendf(nil, "%d %s %v %v %v %d %t", s.c.StepSeconds, s.c.Location, s.c.Leads, s.c.Levels, s.c.Horizons, s.c.Sustain, s.c.Full)
	_, _ = h.Write(b)
	return uint64(h.Sum32())<<32 | uint64(len(b))
}

// MarshalBinary returns a snapshot of everything the series has learnt.
func (s *Series) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, 1<<16)
	b = append(b, snapshotMagic...)
	b = binary.LittleEndian.AppendUint16(b, snapshotVersion)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint64(b, s.grid())
	b = binary.LittleEndian.AppendUint32(b, 0)
	c := codec{buf: b}
	s.snapshot(&c)
	b = c.buf
	binary.LittleEndian.PutUint32(b[snapshotHead-4:], uint32(len(b)-snapshotHead))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

// UnmarshalBinary restores a snapshot taken of a series with the same Config. After an error the series
// is as it was.
func (s *Series) UnmarshalBinary(b []byte) error {
	fresh := New(s.c)
	if err := fresh.restore(b); err != nil {
		return err
	}
	*s = *fresh
	return nil
}

// restore reads a snapshot into a new series, which is of no use after an error.
func (s *Series) restore(b []byte) error {
	body, err := unseal(b, snapshotMagic, snapshotVersion, s.grid())
	if err != nil {
		return fmt.Errorf("restoring a model: %w", err)
	}
	c := codec{buf: body, reading: true}
	s.snapshot(&c)
	if c.short || len(c.buf) != 0 {
		return fmt.Errorf("restoring a model: %d bytes do not fit: %w", len(body), ErrSnapshotDamaged)
	}
	s.look()
	return nil
}

func unseal(b []byte, magic string, version uint16, grid uint64) ([]byte, error) {
	if len(b) < snapshotHead+4 || string(b[:4]) != magic {
		return nil, ErrSnapshotDamaged
	}
	end := len(b) - 4
	if binary.LittleEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) ||
		int(binary.LittleEndian.Uint32(b[snapshotHead-4:])) != end-snapshotHead {
		return nil, ErrSnapshotDamaged
	}
	if binary.LittleEndian.Uint16(b[4:]) != version || binary.LittleEndian.Uint64(b[8:]) != grid {
		return nil, ErrSnapshotGrid
	}
	return b[snapshotHead:end], nil
}
