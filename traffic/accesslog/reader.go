package accesslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"surgecast/traffic"
)

const (
	// readAtOnce bounds one poll, so that what was counted is stored before more is read.
	readAtOnce = 32 << 20
	// minutesAtOnce likewise.
	minutesAtOnce = 2000
	// ahead of this machine's clock lines are taken for; those beyond are dropped.
	ahead = 2 * time.Minute
)

// Reader follows a site's logs.
type Reader struct {
	c     Config
	win   minutes
	parts map[head]*part
	heads map[string]seenHead
	known map[head]filePlace // of the place, until the file is met

	placed bool  // there was a place
	moved  bool  // the place names other files than this reader has
	begun  bool  // the floor is settled
	absent bool  // no file at all was there
	whole  int64 // minutes before it cannot be counted again: a file that held lines of them is gone
	caught bool  // the end of every file has been reached once
	buf    []byte

	counts  map[string]int // since the last batch
	warning string
	fit     int // lines lately in the format and not: above zero means most are
	unfit   int
}

// Open makes a reader that goes on where the place says. It reads nothing yet.
func Open(c Config) (*Reader, error) {
	c.Default()
	if err := c.Check(); err != nil {
		return nil, err
	}
	r := &Reader{c: c, parts: map[head]*part{}, heads: map[string]seenHead{}, known: map[head]filePlace{}, counts: map[string]int{}, buf: make([]byte, chunk)}
	r.win = minutes{rules: &r.c.rules, open: map[int64]*bucket{}}
	p, ok, err := readPlace(c.Place)
	if err != nil {
		return nil, err
	}
	if r.placed = ok; ok {
		r.win.floor, r.win.closed, r.win.before = p.Floor, p.Floor, p.Quiet
		for _, f := range p.Files {
			r.known[f.head] = f
		}
		r.win.skip(p.Whole)
	}
	return r, nil
}

// Close closes the files.
func (r *Reader) Close() error {
	for _, p := range r.parts {
		p.close()
	}
	return nil
}

// Poll reads what was written since, and hands over the minutes that are over.
func (r *Reader) Poll(ctx context.Context, now time.Time) (traffic.Batch, error) {
	if !r.begun && r.win.floor == 0 { // first contact: nothing older is looked at
		r.win.floor = now.Add(-r.c.History).Truncate(time.Minute).Unix()
		r.win.closed = r.win.floor
		defer func() {
			if !r.begun { // no file yet: what there is when one comes counts
				r.win.floor = 0
			}
		}()
	}
	files, all, warning, blocked := r.scan()
	r.warning = warning
	if blocked { // a zero would be a guess
		return traffic.Batch{Warning: warning}, nil
	}
	if all == 0 && len(r.parts) == 0 {
		r.absent = r.begun
		return traffic.Batch{Warning: fmt.Sprintf("no log there: nothing matches %s", strings.Join(r.c.Files, ", "))}, nil
	}
	r.meet(files)
	switch {
	case !r.begun:
		r.begin(now)
	case r.absent:
		r.absent = false
		r.win.skip(r.unread(r.win.floor, now))
	}
	for read := 0; read < readAtOnce; {
		p := r.next()
		if p == nil {
			break
		}
		n, err := p.read(r.buf)
		switch {
		case errors.Is(err, errReplaced):
			r.counts["replaced files"]++
			p.close()
			p.path = ""
			return traffic.Batch{More: true, Counts: r.take()}, nil // look for it under another name first
		case errors.Is(err, os.ErrNotExist):
			p.close()
			p.path = ""
			return traffic.Batch{More: true, Counts: r.take()}, nil
		case err != nil:
			p.close()
			r.warning = fmt.Sprintf("%s cannot be read: %v", filepath.Base(p.path), reason(err))
			if !p.packed {
				return traffic.Batch{Warning: r.warning, Counts: r.take()}, nil // not a minute more until it can be
			}
			p.end = true // a damaged archive is not waited for
			r.counts["broken files"]++
			continue
		}
		p.split(r.buf[:n], func(raw []byte, at int64) { r.line(p, raw, at, now) }, func(reason string) { r.counts[reason]++ })
		if n < len(r.buf) {
			p.end = true
			if p.packed && len(p.carry) > 0 { // a packed file is not written to any more
				r.line(p, p.carry, p.lineAt, now)
				p.carry, p.lineAt = nil, p.offset
			}
		}
		if read += n; len(r.win.open) > maxMinutes/2 {
			break // these first
		}
		if ctx.Err() != nil {
			return traffic.Batch{}, context.Cause(ctx)
		}
	}
	return r.hand(now), nil
}

// hand makes the batch of what has been counted.
func (r *Reader) hand(now time.Time) traffic.Batch {
	limit, all := int64(math.MaxInt64), true
	for _, p := range r.parts {
		if !p.end {
			all = false
			limit = min(limit, p.low()-int64(window.Seconds()))
		}
	}
	if all {
		r.caught = true
		limit = now.Add(-r.c.Late).Unix()
	}
	rows, more := r.win.flush(limit, minutesAtOnce)
	floor := min(limit-int64(window.Seconds()), r.win.closed)
	floor -= floor % minute
	b := traffic.Batch{Rows: rows, More: more || !all, Counts: r.take(), Warning: r.words()}
	b.Done = func() error {
		if floor <= r.win.floor {
			if !r.moved {
				return nil
			}
			floor = r.win.floor
		}
		r.moved = false
		r.win.raise(floor)
		for _, p := range r.parts {
			maps.DeleteFunc(p.first, func(at, _ int64) bool { return at < floor })
		}
		return r.place().write(r.c.Place)
	}
	return b
}

func (r *Reader) take() map[string]int {
	c := r.counts
	r.counts = map[string]int{}
	return c
}

// words is what is wrong, most important first.
func (r *Reader) words() string {
	switch {
	case r.warning != "":
		return r.warning
	case r.unfit > r.fit && r.unfit >= 20:
		return fmt.Sprintf("most lines are not of the format %q: see docs/traffic.md for the formats", r.c.Format)
	case r.win.silent:
		return "the log is silent although the site usually has visitors: is it down, or does it write elsewhere? These minutes are missing, not zero"
	}
	return ""
}

// next is the file that is furthest behind, nil when the end of all has been reached.
func (r *Reader) next() *part {
	var behind *part
	for _, p := range r.parts {
		if !p.end && (behind == nil || p.at() < behind.at() || p.at() == behind.at() && p.head.CRC < behind.head.CRC) {
			behind = p
		}
	}
	return behind
}

// meet joins the files that are there with those being read.
func (r *Reader) meet(files []found) {
	byHead := map[head][]found{}
	for _, f := range files {
		byHead[f.head] = append(byHead[f.head], f)
	}
	for h, same := range byHead {
		p := r.parts[h]
		if p == nil {
			p = &part{head: h, first: map[int64]int64{}, fresh: true}
			if k, ok := r.known[h]; ok {
				p.offset, p.lineAt, p.fresh = k.Offset, k.Offset, false
				delete(r.known, h)
			}
			r.parts[h] = p
			r.moved = true
		}
		// The name it has, else one that is not packed.
		best := same[0]
		for _, f := range same {
			if f.path == p.path || best.path != p.path && best.packed && !f.packed {
				best = f
			}
		}
		if best.packed != p.packed || p.path == "" {
			p.close()
			p.end = false
		}
		p.path, p.packed, p.change = best.path, best.packed, max(p.change, best.modified.Unix())
		if !p.packed {
			p.end = false
		}
	}
	for h, p := range r.parts {
		if _, there := byHead[h]; there {
			continue
		}
		// Not among the files that changed lately, or deleted. What is open can still be read.
		if p.f != nil && !p.packed && p.path != "" {
			if info, err := p.f.Stat(); err == nil && info.ModTime().Unix() >= r.win.floor {
				p.end, p.change = false, info.ModTime().Unix()
				continue
			}
		}
		if p.path == "" {
			r.warning = "a log was emptied and nothing of it was kept: what was written in the second before is lost"
		}
		if p.path == "" || !p.end || p.packed || !exists(p.path) {
			for at := range p.first {
				r.whole = max(r.whole, at+minute)
			}
			p.close()
			delete(r.parts, h)
			r.moved = true
			continue
		}
		p.close() // quiet for a while: remembered, so that it is not read again from its beginning
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// begin settles from which minute on the logs are whole.
func (r *Reader) begin(now time.Time) {
	r.begun, r.moved = true, true
	if r.placed {
		lost := false // is what was being read still there?
		for _, k := range r.known {
			lost = lost || k.Live
		}
		clear(r.known)
		if !lost {
			return
		}
		r.counts["lost files"]++
		r.win.skip(r.unread(r.win.floor, now))
		r.warning = fmt.Sprintf("a log was taken away before it had been read: minutes before %s may be missing", time.Unix(r.win.floor, 0).UTC().Format("2 January 15:04 UTC"))
		return
	}
	files := map[string]int{}
	earliest := map[string]int64{} // of the first lines of a log's files
	for _, p := range r.parts {
		if p.head.First > 0 {
			f := family(p.path)
			if at, ok := earliest[f]; !ok || p.head.First < at {
				earliest[f] = p.head.First
			}
			files[f]++
		}
	}
	begins := int64(math.MaxInt64)
	for _, at := range earliest {
		begins = min(begins, wholeAfter(at))
	}
	for f, at := range earliest {
		if files[f] > 1 { // rotation has dropped what was before
			begins = max(begins, wholeAfter(at))
		}
	}
	if len(earliest) == 0 {
		begins = wholeAfter(now.Unix())
	}
	r.win.skip(begins)
}

// unread is from when on the files met for the first time tell every minute whole, after what was before
// them has been lost.
func (r *Reader) unread(from int64, now time.Time) int64 {
	to := int64(0)
	for _, p := range r.parts {
		if p.fresh && p.head.First >= from {
			to = max(to, wholeAfter(p.head.First))
		}
	}
	if to == 0 {
		to = wholeAfter(now.Unix())
	}
	return to
}

// wholeAfter is the first minute that begins after at: the one at lies in may be cut.
func wholeAfter(at int64) int64 { return at - at%minute + minute }

// line counts one line.
func (r *Reader) line(p *part, raw []byte, offset int64, now time.Time) {
	raw = bytes.TrimRight(raw, "\r")
	if len(raw) == 0 {
		return
	}
	var l line
	if !r.c.rules.parse.parse(raw, &l) {
		r.counts["unreadable"]++
		r.judge(false)
		return
	}
	r.judge(true)
	if l.at > now.Add(ahead).Unix() && (r.c.Clock == nil || l.at > r.c.Clock().Add(ahead).Unix()) {
		r.counts["ahead of the clock"]++
		return
	}
	p.last[p.lines%lately] = l.at
	p.lines++
	at := l.at - l.at%minute
	switch {
	case at < r.win.floor:
		if r.caught {
			r.counts["too late"]++
		} else {
			r.counts["stored before"]++
		}
	case r.c.rules.excludes(&l):
		r.counts["excluded"]++
	case !r.win.add(&l):
		r.counts["too many minutes"]++
	default:
		r.counts["counted"]++
		if _, ok := p.first[at]; !ok {
			p.first[at] = offset
		}
	}
}

// judge keeps a short memory of whether lines are of the format.
func (r *Reader) judge(fits bool) {
	if fits {
		r.fit++
	} else {
		r.unfit++
	}
	if r.fit+r.unfit >= 1000 {
		r.fit /= 2
		r.unfit /= 2
	}
}
