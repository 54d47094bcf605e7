package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// largest is the longest body taken; Standard Webhooks stay under 20 kB.
const largest = 64 << 10

// remembered is how many message ids are kept: a day of a busy account, in a few megabytes.
const remembered = 50_000

// verifier checks a signature; *standardwebhooks.Webhook is one.
type verifier interface {
	Verify(body []byte, headers http.Header) error
}

// message is the part of a webhook this receiver reads. Fields it does not know are left alone: new ones may
// come while schema is 1.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Schema        int       `json:"schema"`
		Site          string    `json:"site"`
		Topic         string    `json:"topic"`
		State         string    `json:"state"`
		Headline      string    `json:"headline"`
		Simulated     bool      `json:"simulated"`
		Sequence      int64     `json:"sequence"`
		Units         int       `json:"units"`
		PreviousUnits int       `json:"previous_units"`
		WouldBeUnits  int       `json:"would_be_units"` // in mode act
		Mode          string    `json:"mode"`
		ValidUntil    time.Time `json:"valid_until"`
	} `json:"data"`
}

type receiver struct {
	verify verifier
	out    io.Writer

	mu       sync.Mutex
	seen     map[string]bool
	order    []string         // ids as they came, oldest first
	sequence map[string]int64 // newest recommendation, by site
}

func newReceiver(v verifier, out io.Writer) *receiver {
	return &receiver{verify: v, out: out, seen: map[string]bool{}, sequence: map[string]int64{}}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "webhooks are POSTed", http.StatusMethodNotAllowed)
		return
	}
	// The signature is over the bytes as they came: read them, check them, and only then parse.
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, largest))
	if err != nil {
		http.Error(w, "the body could not be read or is too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err := r.verify.Verify(body, req.Header); err != nil {
		http.Error(w, "the signature does not fit", http.StatusUnauthorized)
		return
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, "the body is not JSON", http.StatusBadRequest)
		return
	}
	if line := r.take(req.Header.Get("webhook-id"), m); line != "" {
		fmt.Fprintln(r.out, line)
	}
	w.WriteHeader(http.StatusNoContent) // any 2xx: taken, also when we knew it already
}

// take remembers the message and returns what to print, "" when there is nothing new in it.
func (r *receiver) take(id string, m message) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[id] {
		return "" // delivery is at least once: the same id is the same message
	}
	r.seen[id] = true
	r.order = append(r.order, id)
	if len(r.order) > remembered {
		delete(r.seen, r.order[0])
		r.order = r.order[1:]
	}
	d := m.Data
	about := d.Site
	if about == "" {
		about = d.Topic
	}
	line := fmt.Sprintf("%s  %-22s  %s", m.Timestamp.UTC().Format("2006-01-02 15:04:05Z"), m.Type, about)
	if d.Simulated {
		line += " [simulated]"
	}
	switch {
	case m.Type == "recommendation.changed":
		if d.Sequence <= r.sequence[d.Site] {
			return "" // a newer one came first
		}
		r.sequence[d.Site] = d.Sequence
		// Here a real receiver would scale, unless valid_until has passed.
		line += fmt.Sprintf("  units %d → %d, valid until %s", d.PreviousUnits, d.Units, d.ValidUntil.UTC().Format("15:04:05Z"))
		if d.WouldBeUnits > 0 && d.WouldBeUnits != d.Units { // in another mode a person acts, and is told how many
			line += fmt.Sprintf("; in mode act %d, this is %s", d.WouldBeUnits, d.Mode)
		}
	case d.State != "":
		line += "  " + d.State
	}
	if d.Headline != "" {
		line += "  " + d.Headline
	}
	return line
}
