package hackernews

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"surgecast/ingest"
	"surgecast/ingest/markup"
)

// errUnread is the fault of an item nobody can read; it is left out and counted.
var errUnread = errors.New("item cannot be read")

// item is what the Firebase API answers for an id, as far as counting needs it.
type item struct {
	ID      int64  `json:"id"`
	Type    string `json:"type"` // story, comment, job, poll, pollopt
	By      string `json:"by"`
	Time    int64  `json:"time"` // Unix seconds, made by the server
	Title   string `json:"title"`
	URL     string `json:"url"`
	Text    string `json:"text"` // HTML
	Dead    bool   `json:"dead"`
	Deleted bool   `json:"deleted"`
}

// decode reads an item; found is false when the server does not have it yet (null).
func decode(body []byte, id int64) (it item, found bool, err error) {
	var p *item
	if err := json.Unmarshal(body, &p); err != nil {
		return item{}, true, fmt.Errorf("%w: %w", errUnread, err)
	}
	if p == nil {
		return item{}, false, nil
	}
	if p.ID != id || p.Time <= 0 || p.Time > 1<<40 {
		return item{}, true, fmt.Errorf("%w: id %d and time %d", errUnread, p.ID, p.Time)
	}
	return *p, true, nil
}

// post is the item as something to match; reason says why it is none.
func (it *item) post(hash ingest.Hash) (p ingest.Post, reason string) {
	switch {
	case it.Deleted:
		return p, "deleted"
	case it.Dead:
		return p, "dead"
	}
	switch it.Type {
	case "comment":
		p.Kind = ingest.Reply
	case "story", "job", "poll":
		p.Kind = ingest.Original
	default: // an option of a poll is part of it
		return p, "not a post"
	}
	p.Time = it.Time * 1e6
	p.ID = hash(p.Time, strconv.AppendInt([]byte("hackernews:"), it.ID, 10))
	p.Author = hash(p.Time, []byte("hackernews@"+it.By))
	p.Text, p.Links = markup.Text(nil, nil, it.Title) // a title may hold entities
	if it.Text != "" {
		p.Text = append(p.Text, '\n')
		p.Text, p.Links = markup.Text(p.Text, p.Links, it.Text)
	}
	if it.URL != "" {
		p.Links = append(p.Links, []byte(it.URL))
	}
	return p, ""
}
