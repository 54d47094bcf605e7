package accesslog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
)

const (
	// maxLine bounds a line; what is longer is left out and counted.
	maxLine = 64 << 10
	// chunk is read at once.
	chunk = 256 << 10
	// lately is over how many lines the lowest time is taken for where a file stands: a single line with a
	// wrong time does not carry it away.
	lately = 64
)

// part is one file of the log, under whatever name it has now.
type part struct {
	head   head
	path   string // "" while no file with this head is there
	packed bool
	change int64 // when it was last written to, Unix seconds
	fresh  bool  // never met before, not even by the run that left the place

	f      *os.File
	unpack *gzip.Reader

	offset int64  // of the next byte to be read, unpacked
	lineAt int64  // of the line being put together
	carry  []byte // what of it was read
	long   bool   // it is longer than maxLine: the rest is passed over

	end   bool            // everything that was there has been read
	first map[int64]int64 // where each open minute begins
	last  [lately]int64   // times of the last lines
	lines int
}

func (p *part) close() {
	if p.f != nil {
		p.f.Close()
	}
	p.f, p.unpack = nil, nil
}

// at is the time the file has been read to.
func (p *part) at() int64 {
	if p.lines == 0 {
		return p.head.First
	}
	return p.last[(p.lines-1)%lately]
}

// low is a time the lines to come are hardly much older than.
func (p *part) low() int64 {
	if p.lines == 0 {
		return p.head.First
	}
	low := p.last[0]
	for _, at := range p.last[1:min(p.lines, lately)] {
		low = min(low, at)
	}
	return low
}

// resume is the offset from which all lines from floor on can be read again.
func (p *part) resume(floor int64) int64 {
	from := p.lineAt
	for at, offset := range p.first {
		if at >= floor {
			from = min(from, offset)
		}
	}
	return from
}

// errReplaced says that the file no longer is the one that was being read.
var errReplaced = errors.New("the file was emptied or replaced")

// read fills buf with what comes next. 0 bytes and no error: that is all for now.
func (p *part) read(buf []byte) (int, error) {
	if p.f == nil {
		f, err := os.Open(p.path)
		if err != nil {
			return 0, err
		}
		p.f = f
	}
	if p.packed {
		return p.readPacked(buf)
	}
	n, err := p.f.ReadAt(buf, p.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	// Looked at after reading: bytes of the next file are never taken for bytes of this one.
	if !p.head.is(p.f) {
		return 0, errReplaced
	}
	return n, nil
}

func (p *part) readPacked(buf []byte) (int, error) {
	if p.unpack == nil {
		z, err := gzip.NewReader(bufio.NewReaderSize(p.f, 64<<10))
		if err != nil {
			return 0, err
		}
		if _, err := io.CopyN(io.Discard, z, p.offset); err != nil {
			if errors.Is(err, io.EOF) { // a copy that is shorter than what was read of the original
				err = nil
			}
			return 0, err
		}
		p.unpack = z
	}
	n, err := io.ReadFull(p.unpack, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && n > 0 {
		err = nil // the end, or so much is well before the fault
	}
	return n, err
}

// split cuts data, which begins at p.offset, and hands each complete line to do.
func (p *part) split(data []byte, do func(raw []byte, at int64), drop func(reason string)) {
	for len(data) > 0 {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			p.offset += int64(len(data))
			p.hold(data, drop)
			return
		}
		piece := data[:i]
		data = data[i+1:]
		p.offset += int64(i + 1)
		if p.long {
			p.long = false
		} else {
			if len(p.carry) > 0 {
				p.carry = append(p.carry, piece...)
				piece = p.carry
			} else {
				piece = solid(piece, drop)
			}
			if len(piece) > maxLine {
				drop("too long")
			} else {
				do(piece, p.lineAt)
			}
		}
		p.carry = p.carry[:0]
		p.lineAt = p.offset
	}
}

// hold keeps the beginning of a line whose end is not there yet.
func (p *part) hold(data []byte, drop func(string)) {
	if len(p.carry) == 0 && !p.long {
		if data = solid(data, drop); len(data) == 0 {
			p.lineAt = p.offset
			return
		}
	}
	switch {
	case p.long:
	case len(p.carry)+len(data) > maxLine:
		p.long = true
		p.carry = p.carry[:0]
		drop("too long")
	default:
		p.carry = append(p.carry, data...)
	}
}

// solid passes over zero bytes before a line: the hole that is left when a file is emptied under a writer
// that goes on where it was.
func solid(data []byte, drop func(string)) []byte {
	trimmed := bytes.TrimLeft(data, "\x00")
	if len(trimmed) < len(data) {
		drop("zero bytes")
	}
	return trimmed
}
