// Package jetstreamtest is a Jetstream to test against: hosts that speak the real protocol over real
// websockets, play sample lines again and again with new times, and fail on demand.
//
// Every host plays one and the same Log, each with its own clock and numbers. An event is made from its
// index alone, so any cursor can be served and anybody can recount what must have been counted.
package jetstreamtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Log is an endless sequence of events made from sample lines of v1.
type Log struct {
	Start   time.Time            // of event 0
	Every   time.Duration        // between events
	Authors int64                // how many accounts speak; 0: those of the samples
	Words   func(i int64) string // put before the text of post i; nil: nothing
	Lag     time.Duration        // how long before it is stamped an event is dated by its author; 0: one second

	lines []sample
}

// sample is a line cut where something is to be put in.
type sample struct {
	pieces [][]byte
	holes  []hole
	post   bool
}

type hole uint8

const (
	timeHole hole = iota
	didHole
	rkeyHole
	datedHole
	textHole
)

// NewLog makes a log of lines of JSON.
func NewLog(lines [][]byte) (*Log, error) {
	l := &Log{Every: time.Millisecond}
	for _, line := range lines {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if !json.Valid(line) {
			return nil, fmt.Errorf("sample %.60q is not JSON", line)
		}
		l.lines = append(l.lines, cut(line))
	}
	if len(l.lines) == 0 {
		return nil, errors.New("no samples")
	}
	return l, nil
}

func cut(line []byte) sample {
	var s sample
	s.post = bytes.Contains(line, []byte(`"collection":"app.bsky.feed.post"`)) && bytes.Contains(line, []byte(`"operation":"create"`))
	for {
		best, kind, begin, end := -1, hole(0), 0, 0
		for _, m := range []struct {
			mark string
			kind hole
			stop string
		}{{`"time_us":`, timeHole, ","}, {`"did":"`, didHole, `"`}, {`"rkey":"`, rkeyHole, `"`}, {`"createdAt":"`, datedHole, `"`}, {`"text":"`, textHole, ""}} {
			i := bytes.Index(line, []byte(m.mark))
			if i < 0 || best >= 0 && i > best {
				continue
			}
			best, kind, begin = i, m.kind, i+len(m.mark)
			end = begin
			if m.stop != "" {
				end += bytes.IndexAny(line[begin:], m.stop)
			}
		}
		if best < 0 {
			s.pieces = append(s.pieces, line)
			return s
		}
		s.pieces, s.holes = append(s.pieces, line[:begin]), append(s.holes, kind)
		line = line[end:]
	}
}

// Stamp is when event i is stamped by a host without skew, Unix microseconds. As on the real hosts, an event
// now and then is stamped a little earlier than the one before it.
func (l *Log) Stamp(i int64) int64 {
	at := l.Start.UnixMicro() + i*l.Every.Nanoseconds()/1000
	if i%11 == 7 {
		at -= 2*l.Every.Nanoseconds()/1000 + 1
	}
	return at
}

// After is the first event stamped at or after a time by a host without skew; a few before it are not.
func (l *Log) After(micros int64) int64 {
	return max(0, (micros-l.Start.UnixMicro())*1000/max(1, l.Every.Nanoseconds())-3)
}

// Append writes event i as a line of v1, stamped with skew.
func (l *Log) Append(b []byte, i int64, skew time.Duration) []byte {
	s := &l.lines[i%int64(len(l.lines))]
	for n, piece := range s.pieces {
		b = append(b, piece...)
		if n == len(s.holes) {
			break
		}
		switch s.holes[n] {
		case timeHole:
			b = strconv.AppendInt(b, l.Stamp(i)+skew.Microseconds(), 10)
		case didHole:
			who := i % int64(len(l.lines))
			if l.Authors > 0 {
				who = int64(uint64(i*2654435761) % uint64(l.Authors))
			}
			b = appendKey(append(b, "did:plc:"...), uint64(who)*0x9e3779b97f4a7c15+1, 24)
		case rkeyHole:
			b = appendKey(append(b, '3'), uint64(i), 12)
		case datedHole:
			lag := l.Lag
			if lag == 0 {
				lag = time.Second
			}
			b = time.UnixMicro(l.Stamp(i)).Add(-lag).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
		case textHole:
			if l.Words != nil && s.post {
				b = append(append(b, l.Words(i)...), ' ')
			}
		}
	}
	return b
}

// appendKey writes a number in the base32 of record keys.
func appendKey(b []byte, n uint64, digits int) []byte {
	const alphabet = "234567abcdefghijklmnopqrstuvwxyz"
	for d := digits - 1; d >= 0; d-- {
		shift := 5 * d
		c := uint64(0)
		if shift < 64 {
			c = n >> shift & 31
		}
		b = append(b, alphabet[c])
	}
	return b
}
