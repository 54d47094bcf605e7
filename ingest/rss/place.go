package rss

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// state is what the next process must know of a feed.
type state struct {
	ETag     string `json:"e,omitempty"`
	Modified string `json:"m,omitempty"`
	Asked    int64  `json:"t,omitempty"` // when the document was last read, Unix seconds; 0: never
	Key      uint32 `json:"k,omitempty"` // tells whether Items were hashed under the present key
	Items    string `json:"i,omitempty"` // the low halves of keyed hashes, four bytes each, base64
}

func (s *state) ids() (ids []uint32) {
	b, err := base64.RawStdEncoding.DecodeString(s.Items)
	if err != nil {
		return nil
	}
	for ; len(b) >= 4; b = b[4:] {
		ids = append(ids, binary.LittleEndian.Uint32(b))
	}
	return ids
}

func (s *state) set() map[uint32]bool {
	m := map[uint32]bool{}
	for _, id := range s.ids() {
		m[id] = true
	}
	return m
}

// setIDs keeps ids, each once.
func (s *state) setIDs(ids []uint32) {
	b := make([]byte, 0, 4*len(ids))
	seen := make(map[uint32]bool, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			b = binary.LittleEndian.AppendUint32(b, id)
		}
	}
	s.Items = base64.RawStdEncoding.EncodeToString(b)
}

// place is the state of every feed, by a hash of its address: an address may hold a token.
type place struct {
	Feeds map[string]state `json:"feeds"`
}

func nameOf(url string) string { return strconv.FormatUint(xxhash.Sum64String(url), 36) }

func parsePlace(s string) (p place, err error) {
	if s == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		return p, fmt.Errorf("rss: the stored place is none of these feeds: %w", err)
	}
	return p, nil
}

func (s *Stream) place(feeds []*feed) string {
	p := place{Feeds: make(map[string]state, len(feeds))}
	for _, f := range feeds {
		p.Feeds[nameOf(f.url)] = f.state
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(b)
}
