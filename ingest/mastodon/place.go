package mastodon

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// place is how far a feed was handed over: when, and the last post's id of every channel. A hashtag's
// posts are a timeline of their own, so each has its own id. As text it is
//
//	1 1789395600 public=113500000000000000
//	1 1789395600 #touchpad=113500000000000000 #hp=113499999999999999
type place struct {
	at time.Time // everything before it was handed over; zero before the first
	id []string  // by channel; "" before the first
}

func (p place) text(channels []channel) string {
	var b strings.Builder
	fmt.Fprintf(&b, "1 %d", p.at.Unix())
	for i, id := range p.id {
		if id != "" {
			fmt.Fprintf(&b, " %s=%s", url.QueryEscape(channels[i].name), id)
		}
	}
	return b.String()
}

// parsePlace reads a place. What it does not understand, or a channel that was not followed before, begins
// with what comes now.
func parsePlace(s string, channels []channel) place {
	p := place{id: make([]string, len(channels))}
	version, rest, _ := strings.Cut(s, " ")
	unix, rest, _ := strings.Cut(rest, " ")
	at, err := strconv.ParseInt(unix, 10, 64)
	if version != "1" || err != nil {
		return p
	}
	p.at = time.Unix(at, 0).UTC()
	for _, f := range strings.Fields(rest) {
		name, id, _ := strings.Cut(f, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || !validID(id) {
			continue
		}
		for i, c := range channels {
			if c.name == name {
				p.id[i] = id
			}
		}
	}
	return p
}

// validID: Mastodon's ids are numbers, those of its relatives letters and digits.
func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	return strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// compareIDs orders ids of one server: a longer number is larger.
func compareIDs(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
