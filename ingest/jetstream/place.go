package jetstream

import (
	"encoding/json"
	"net/http"
	"time"

	"surgecast/ingest"
)

// place is where a stream was: on which host, up to which of its times, and after which of its events if it
// numbers them. Numbers are each host's own.
type place struct {
	Host   string `json:"host"`
	Micros int64  `json:"us"`
	Seq    int64  `json:"seq,omitempty"`
}

func (p place) String() string {
	b, _ := json.Marshal(p) // three plain fields
	return string(b)
}

// parsePlace reads what String wrote; anything else is the beginning.
func parsePlace(s string) (p place) {
	if s == "" || json.Unmarshal([]byte(s), &p) != nil {
		return place{}
	}
	return p
}

// Rewind is the place d before another.
func (s *Stream) Rewind(from string, d time.Duration) string {
	p := parsePlace(from)
	if p.Micros == 0 {
		return from
	}
	p.Micros -= d.Microseconds()
	p.Seq = 0 // nobody knows its number
	return p.String()
}

// Replay is another reader of the same feed, with connections of its own.
func (s *Stream) Replay() ingest.Stream {
	return &Stream{Options: s.Options, client: &http.Client{Transport: transport()}, dict: map[string][]byte{}}
}

// PlaceAt is the place at a time, on the host near is of.
func (s *Stream) PlaceAt(at time.Time, near string) string {
	return place{Host: parsePlace(near).Host, Micros: at.UnixMicro()}.String()
}

// Keeps is how far back the hosts go (docs/README.md).
func (s *Stream) Keeps() time.Duration { return 36 * time.Hour }
