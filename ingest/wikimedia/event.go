package wikimedia

import (
	"encoding/json"
	"errors"
	"time"

	"surgecast/ingest"
)

var errUnread = errors.New("event cannot be read")

// change is one event of the stream recentchange, as far as counting needs it.
type change struct {
	Meta struct {
		ID     string    `json:"id"`
		URI    string    `json:"uri"`
		Domain string    `json:"domain"`
		Time   time.Time `json:"dt"`
	} `json:"meta"`
	Type      string `json:"type"` // edit, new, log, categorize
	Namespace int    `json:"namespace"`
	Title     string `json:"title"`
	User      string `json:"user"`
	Bot       bool   `json:"bot"`
}

// maxTitle is far above MediaWiki's own 255 bytes.
const maxTitle = 4 << 10

func decode(data string) (change, error) {
	var c change
	if err := json.Unmarshal([]byte(data), &c); err != nil {
		return c, errors.Join(errUnread, err)
	}
	if c.Meta.Time.IsZero() || c.Meta.ID == "" || len(c.Title) > maxTitle {
		return c, errUnread
	}
	return c, nil
}

// counted says whether the event is a change to an article. The rest of the stream, four fifths of it, is
// bookkeeping (categories, logs, talk pages, canaries), and is not what people read about.
func (c *change) counted() bool {
	return !c.canary() && (c.Type == "edit" || c.Type == "new") && c.Namespace == 0 && c.Title != ""
}

// canary events are made by the operators to see that the stream flows.
func (c *change) canary() bool { return c.Meta.Domain == "canary" }

func (c *change) post(hash ingest.Hash) ingest.Post {
	link := c.Meta.URI
	if link == "" {
		link = c.Meta.Domain
	}
	at := c.Meta.Time.UnixMicro()
	return ingest.Post{
		Time:   at,
		ID:     hash(at, []byte("wikimedia:"+c.Meta.ID)),
		Author: hash(at, []byte("wikimedia@"+c.User)),
		Text:   []byte(c.Title),
		Links:  [][]byte{[]byte(link)},
		Kind:   ingest.Original,
		Bot:    c.Bot,
	}
}
