package ingest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// position is what stands in a stream's cursor: where the feed was, and enough to know again what was
// counted around it. It moves in the transaction that adds the counts.
type position struct {
	Version int    `json:"v"`
	N       int64  `json:"n"`     // commits so far: two positions are never the same text
	Place   string `json:"place"` // the feed's own words
	Newest  int64  `json:"t"`     // newest event handed over, Unix microseconds
	Since   int64  `json:"x"`     // whatever is stamped up to here was counted; after it only what the store lists
	Close   int64  `json:"close"` // the minute to be closed next, Unix seconds; 0: none was begun

	// Raw are the events version 1 kept here, keyed hashes in base64. Now they have a table of their own.
	Raw string `json:"ids,omitempty"`
	old []uint64
}

// positionVersion is what encode writes: a program that only knows version 1 would count events twice that the
// table of counted events tells apart.
const positionVersion = 2

func (p position) encode() (string, error) {
	p.Version, p.Raw = positionVersion, ""
	out, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("writing a feed's position: %w", err)
	}
	return string(out), nil
}

// decodePosition reads what encode wrote; "" is the beginning.
func decodePosition(s string) (position, error) {
	var p position
	if s == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		return p, fmt.Errorf("reading a feed's position: %w", err)
	}
	if p.Version < 1 || p.Version > positionVersion {
		return p, fmt.Errorf("reading a feed's position: version %d is not known to this program", p.Version)
	}
	b, err := base64.RawStdEncoding.DecodeString(p.Raw)
	if err != nil || len(b)%8 != 0 {
		return p, fmt.Errorf("reading a feed's position: its list of events is damaged")
	}
	for ; len(b) > 0; b = b[8:] {
		p.old = append(p.old, binary.LittleEndian.Uint64(b))
	}
	p.Raw = ""
	return p, nil
}
