package accesslog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// headBytes is how much of a file's beginning tells it from others: its first line, or so much of it.
const headBytes = 4096

// head is what a file is known by, whatever its name, its inode or its compression: the checksum, length
// and time of its first line. A log that is renamed, copied or packed keeps it; one that is emptied and
// begun anew does not.
type head struct {
	CRC    uint32 `json:"crc"`
	Length int    `json:"length"`
	First  int64  `json:"first"` // time of the first line, Unix seconds; 0: unreadable
}

// headOf takes the head from the beginning of a file; false while its first line is not complete.
func headOf(b []byte, whole bool, p parser) (head, bool) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i+1]
	} else if len(b) < headBytes && !whole || len(b) == 0 {
		return head{}, false
	}
	h := head{CRC: crc32.ChecksumIEEE(b), Length: len(b)}
	var l line
	if p.parse(bytes.Trim(b, "\x00\r\n"), &l) {
		h.First = l.at
	}
	return h, true
}

// readHead reads the head of a file.
func readHead(path string, packed bool, p parser) (head, bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return head{}, false, err
	}
	defer f.Close()
	var r io.Reader = f
	if packed {
		z, err := gzip.NewReader(bufio.NewReader(f))
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return head{}, false, nil // being written
		}
		if err != nil {
			return head{}, false, err
		}
		r = z
	}
	buf := make([]byte, headBytes)
	n, err := io.ReadFull(r, buf)
	h, ok := headOf(buf[:n], packed && errors.Is(err, io.ErrUnexpectedEOF), p)
	return h, ok, nil
}

// is reports whether the file still begins with this head.
func (h head) is(f io.ReaderAt) bool {
	buf := make([]byte, h.Length)
	n, _ := f.ReadAt(buf, 0)
	return n == h.Length && crc32.ChecksumIEEE(buf) == h.CRC
}
