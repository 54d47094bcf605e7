package jetstream

import (
	"bytes"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// errSyntax is a line that is not the JSON it should be.
var errSyntax = errors.New("not JSON as expected")

// scanner walks over JSON in place. It looks only at what it is asked for and trusts nothing: whatever the
// bytes, it stops within them. A value that is skipped is not checked beyond its quotes and brackets.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// next skips white space and returns the byte there without taking it, 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.i == len(s.b) {
		return 0
	}
	return s.b[s.i]
}

// take takes c, if it is next.
func (s *scanner) take(c byte) bool {
	if s.next() != c || s.i == len(s.b) {
		return false
	}
	s.i++
	return true
}

// object calls field with each key of the object that is next; field takes the value, or leaves it, and then
// it is skipped. Keys are as they stand in the text: none of ours needs an escape.
func (s *scanner) object(field func(key []byte) error) error {
	if !s.take('{') {
		return errSyntax
	}
	if s.take('}') {
		return nil
	}
	for {
		key, _, err := s.raw()
		if err != nil {
			return err
		}
		if !s.take(':') {
			return errSyntax
		}
		s.space()
		at := s.i
		if err := field(key); err != nil {
			return err
		}
		if s.i == at {
			if err := s.skip(); err != nil {
				return err
			}
		}
		switch s.next() {
		case ',':
			s.i++
		case '}':
			s.i++
			return nil
		default:
			return errSyntax
		}
	}
}

// array calls element before each element of the array that is next.
func (s *scanner) array(element func() error) error {
	if !s.take('[') {
		return errSyntax
	}
	if s.take(']') {
		return nil
	}
	for {
		s.space()
		at := s.i
		if err := element(); err != nil {
			return err
		}
		if s.i == at {
			if err := s.skip(); err != nil {
				return err
			}
		}
		switch s.next() {
		case ',':
			s.i++
		case ']':
			s.i++
			return nil
		default:
			return errSyntax
		}
	}
}

// raw takes a string and returns what stands between its quotes, and whether there are escapes in it.
func (s *scanner) raw() (b []byte, escaped bool, err error) {
	if !s.take('"') {
		return nil, false, errSyntax
	}
	from := s.i
	for {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			return nil, false, errSyntax
		}
		end := s.i + n
		back := end
		for back > from && s.b[back-1] == '\\' {
			back--
		}
		s.i = end + 1
		if (end-back)%2 == 0 {
			b = s.b[from:end]
			return b, bytes.IndexByte(b, '\\') >= 0, nil
		}
	}
}

// str takes a string; one with escapes is written out to the end of room, which is returned with it. Any
// other value gives nil.
func (s *scanner) str(room []byte) (b, rest []byte, err error) {
	if s.next() != '"' {
		return nil, room, s.skip()
	}
	b, escaped, err := s.raw()
	if err != nil || !escaped {
		return b, room, err
	}
	from := len(room)
	room = unescape(room, b)
	return room[from:len(room):len(room)], room, nil
}

// unescape appends what an escaped string says. What is no escape is left as it is.
func unescape(to, b []byte) []byte {
	for {
		n := bytes.IndexByte(b, '\\')
		if n < 0 || n+1 >= len(b) {
			return append(to, b...)
		}
		to = append(to, b[:n]...)
		c := b[n+1]
		b = b[n+2:]
		switch c {
		case 'n':
			to = append(to, '\n')
		case 't':
			to = append(to, '\t')
		case 'r':
			to = append(to, '\r')
		case 'b':
			to = append(to, '\b')
		case 'f':
			to = append(to, '\f')
		case 'u':
			r, ok := hex4(b)
			if !ok {
				to = append(to, '\\', 'u')
				continue
			}
			b = b[4:]
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
					if l, ok := hex4(b[2:]); ok {
						low = utf16.DecodeRune(r, l)
					}
				}
				if r = low; r != utf8.RuneError {
					b = b[6:]
				}
			}
			to = utf8.AppendRune(to, r)
		default: // the character itself: \" \\ \/
			to = append(to, c)
		}
	}
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// integer takes a number without fraction that fits; any other value gives 0.
func (s *scanner) integer() (n int64, err error) {
	c := s.next()
	if c != '-' && (c < '0' || c > '9') {
		return 0, s.skip()
	}
	neg := c == '-'
	if neg {
		s.i++
	}
	for ; s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9'; s.i++ {
		if n > (1<<63-1-9)/10 {
			n = 0
		}
		n = 10*n + int64(s.b[s.i]-'0')
	}
	if s.i < len(s.b) && (s.b[s.i] == '.' || s.b[s.i]|0x20 == 'e') {
		return 0, s.skip()
	}
	if neg {
		n = -n
	}
	return n, nil
}

// skip takes the value that is next, whatever it is.
func (s *scanner) skip() error {
	depth := 0
	for {
		switch c := s.next(); c {
		case 0:
			return errSyntax
		case '"':
			if _, _, err := s.raw(); err != nil {
				return err
			}
		case '{', '[':
			s.i++
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return errSyntax
			}
			s.i++
			depth--
		case ',', ':':
			if depth == 0 {
				return errSyntax
			}
			s.i++
			continue
		default:
			from := s.i
			for s.i < len(s.b) && !ends[s.b[s.i]] {
				s.i++
			}
			if s.i == from {
				return errSyntax
			}
		}
		if depth == 0 {
			return nil
		}
	}
}

// ends are the bytes a bare word or number ends before.
var ends = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, ',': true, ':': true, '{': true, '}': true, '[': true, ']': true, '"': true}
