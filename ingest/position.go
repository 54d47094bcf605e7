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
	Since   int64  `json:"x"`     // whatever is stamped up to here was counted; after it only what IDs lists
	Close   int64  `json:"close"` // the minute to be closed next, Unix seconds; 0: none was begun

	// IDs are keyed hashes of events that were counted and are stamped after Since: another host of the feed
	// stamps the same event differently, so a time alone cannot tell what was counted.
	IDs []uint64 `json:"-"`
	Raw string   `json:"ids,omitempty"`
}

// maxPositionIDs bounds the cursor row to 32 kB. In a burst that is less than the ten seconds meant to be
// kept, and Since says so.
const maxPositionIDs = 4096

func (p position) encode() (string, error) {
	p.Version = 1
	b := make([]byte, 0, 8*len(p.IDs))
	for _, id := range p.IDs {
		b = binary.LittleEndian.AppendUint64(b, id)
	}
	p.Raw = base64.RawStdEncoding.EncodeToString(b)
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
	if p.Version != 1 {
		return p, fmt.Errorf("reading a feed's position: version %d is not known to this program", p.Version)
	}
	b, err := base64.RawStdEncoding.DecodeString(p.Raw)
	if err != nil || len(b)%8 != 0 {
		return p, fmt.Errorf("reading a feed's position: its list of events is damaged")
	}
	for ; len(b) > 0; b = b[8:] {
		p.IDs = append(p.IDs, binary.LittleEndian.Uint64(b))
	}
	p.Raw = ""
	return p, nil
}
