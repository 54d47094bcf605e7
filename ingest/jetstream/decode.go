package jetstream

import (
	"bytes"

	"surgecast/ingest"
)

// Collections that are read.
const (
	posts   = "app.bsky.feed.post"
	reposts = "app.bsky.feed.repost"
)

// happening is what a line was about.
type happening uint8

const (
	other   happening = iota // an event that is not ours to count: it moves the place on
	created                  // a post or repost was made
	info                     // v2: the server says something about the stream
	failure                  // v2: the stream ends here
)

// event is one line, decoded as far as counting needs. Its post's slices lie in the line, or in the
// decoder's room.
type event struct {
	what happening
	time int64 // Unix microseconds, the server's clock
	seq  int64 // 0: the line has none
	name string
	text string // of info and failure
	post ingest.Post
}

// decoder reads lines of one form of the protocol. Its room is reused: what it returned is valid until
// reset.
type decoder struct {
	hash func(created int64, b []byte) uint64
	room []byte   // escapes written out
	list [][]byte // tags and links
	id   []byte
}

// line decodes one line of either form into e.
type line func(d *decoder, b []byte, e *event) error

func (d *decoder) reset() { d.room, d.list = d.room[:0], d.list[:0] }

// commit is what both forms say of a change to a repository.
type commit struct {
	did, operation, collection, rkey []byte

	record int // where the record begins, -1: there is none
}

// v1 decodes a line of /subscribe. The record is looked at only if its collection is ours, wherever in the
// line it stands.
func v1(d *decoder, b []byte, e *event) error {
	s := scanner{b: b}
	c := commit{record: -1}
	*e = event{}
	err := s.object(func(key []byte) (err error) {
		switch string(key) {
		case "did":
			c.did, d.room, err = s.str(d.room)
		case "time_us":
			e.time, err = s.integer()
		case "cursor":
			e.seq, err = s.integer()
		case "commit":
			if s.next() == '{' {
				err = d.commit(&s, &c)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if e.time <= 0 {
		return errSyntax
	}
	return d.finish(b, &c, e)
}

func (d *decoder) commit(s *scanner, c *commit) error {
	return s.object(func(key []byte) (err error) { return d.commitField(s, c, key) })
}

func (d *decoder) commitField(s *scanner, c *commit, key []byte) (err error) {
	switch string(key) {
	case "operation":
		c.operation, d.room, err = s.str(d.room)
	case "collection":
		c.collection, d.room, err = s.str(d.room)
	case "rkey":
		c.rkey, d.room, err = s.str(d.room)
	case "record":
		c.record = s.i
	}
	return err
}

// v2 decodes a frame of subscribeEvents.
func v2(d *decoder, b []byte, e *event) error {
	s := scanner{b: b}
	c := commit{record: -1}
	*e = event{}
	var kind, inner, name, text []byte
	payload := func(key []byte) (err error) {
		switch string(key) {
		case "$type":
			inner, d.room, err = s.str(d.room)
		case "did":
			c.did, d.room, err = s.str(d.room)
		case "seq":
			e.seq, err = s.integer()
		case "time":
			var t []byte
			if t, d.room, err = s.str(d.room); err == nil {
				e.time = instant(t)
			}
		case "name":
			name, d.room, err = s.str(d.room)
		case "message":
			text, d.room, err = s.str(d.room)
		default:
			err = d.commitField(&s, &c, key)
		}
		return err
	}
	err := s.object(func(key []byte) (err error) {
		switch string(key) {
		case "$type":
			kind, d.room, err = s.str(d.room)
		case "error":
			name, d.room, err = s.str(d.room)
		case "message":
			text, d.room, err = s.str(d.room)
		case "payload":
			if s.next() == '{' {
				err = s.object(payload)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case string(kind) == "error":
		e.what, e.name, e.text = failure, string(name), string(text)
		return nil
	case bytes.HasSuffix(inner, []byte("#info")):
		e.what, e.name, e.text = info, string(name), string(text)
		return nil
	case e.time <= 0:
		return errSyntax
	case !bytes.HasSuffix(inner, []byte("#commit")):
		c.record = -1 // #identity #account #sync
	}
	return d.finish(b, &c, e)
}

// finish decodes the record of a post or repost that was made.
func (d *decoder) finish(b []byte, c *commit, e *event) error {
	if c.record < 0 || string(c.operation) != "create" || len(c.did) == 0 || len(c.rkey) == 0 {
		return nil
	}
	s := scanner{b: b, i: c.record}
	if s.next() != '{' {
		return nil
	}
	var err error
	switch string(c.collection) {
	case posts:
		err = d.post(&s, &e.post)
	case reposts:
		err = d.repost(&s, &e.post)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	e.what = created
	e.post.Time = e.time
	// The key is chosen by the author's clock, which is the same on every host.
	e.post.Author = d.hash(e.post.Created, c.did)
	d.id = append(append(append(append(append(d.id[:0], c.did...), '/'), c.collection...), '/'), c.rkey...)
	e.post.ID = d.hash(e.post.Created, d.id)
	return nil
}

// maxParts bounds the tags and links of one post: a real one has a handful.
const maxParts = 64

// post decodes app.bsky.feed.post. The text shows addresses shortened: the whole ones stand in facets and
// embeds, and so do hashtags.
func (d *decoder) post(s *scanner, p *ingest.Post) error {
	var parts struct {
		tags, links [maxParts][]byte
		nt, nl      int
	}
	tag := func(b []byte) {
		if len(b) > 0 && parts.nt < maxParts {
			parts.tags[parts.nt] = b
			parts.nt++
		}
	}
	link := func(b []byte) {
		if len(b) > 0 && parts.nl < maxParts {
			parts.links[parts.nl] = b
			parts.nl++
		}
	}
	reply, quote := false, false
	err := s.object(func(key []byte) (err error) {
		var b []byte
		switch string(key) {
		case "createdAt":
			if b, d.room, err = s.str(d.room); err == nil {
				p.Created = instant(b)
			}
		case "text":
			p.Text, d.room, err = s.str(d.room)
		case "reply":
			reply = s.next() == '{'
		case "facets":
			if s.next() == '[' {
				err = s.array(func() error { return d.facet(s, tag, link) })
			}
		case "tags":
			if s.next() == '[' {
				err = s.array(func() (err error) {
					if b, d.room, err = s.str(d.room); err == nil {
						tag(b)
					}
					return err
				})
			}
		case "embed":
			if s.next() == '{' {
				err = d.embed(s, 0, link, &quote)
			}
		case "labels":
			if s.next() == '{' {
				p.Bot, err = d.selfLabelled(s)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	p.Kind = ingest.Original
	switch {
	case reply:
		p.Kind = ingest.Reply
	case quote:
		p.Kind = ingest.Quote
	}
	from := len(d.list)
	d.list = append(d.list, parts.tags[:parts.nt]...)
	p.Tags = d.list[from:len(d.list):len(d.list)]
	from = len(d.list)
	d.list = append(d.list, parts.links[:parts.nl]...)
	p.Links = d.list[from:len(d.list):len(d.list)]
	return nil
}

// facet decodes one marked stretch of text.
func (d *decoder) facet(s *scanner, tag, link func([]byte)) error {
	if s.next() != '{' {
		return nil
	}
	return s.object(func(key []byte) error {
		if string(key) != "features" || s.next() != '[' {
			return nil
		}
		return s.array(func() error {
			if s.next() != '{' {
				return nil
			}
			return s.object(func(key []byte) (err error) {
				var b []byte
				switch string(key) {
				case "uri":
					if b, d.room, err = s.str(d.room); err == nil {
						link(b)
					}
				case "tag":
					if b, d.room, err = s.str(d.room); err == nil {
						tag(b)
					}
				}
				return err
			})
		})
	})
}

// embed decodes what hangs on a post: a card (external.uri), a quoted record (record.uri), or both together,
// one level deeper (media.external, record.record).
func (d *decoder) embed(s *scanner, depth int, link func([]byte), quote *bool) error {
	return s.object(func(key []byte) (err error) {
		if s.next() == '{' && depth < 2 {
			switch string(key) {
			case "external", "record", "media":
				return d.embed(s, depth+1, link, quote)
			}
		}
		if string(key) == "uri" && depth > 0 {
			var b []byte
			if b, d.room, err = s.str(d.room); err == nil {
				link(b)
				*quote = *quote || bytes.Contains(b, []byte("/"+posts+"/"))
			}
		}
		return err
	})
}

// selfLabelled finds the label with which an account declares a bot.
func (d *decoder) selfLabelled(s *scanner) (bot bool, err error) {
	err = s.object(func(key []byte) error {
		if string(key) != "values" || s.next() != '[' {
			return nil
		}
		return s.array(func() error {
			if s.next() != '{' {
				return nil
			}
			return s.object(func(key []byte) (err error) {
				if string(key) == "val" {
					var b []byte
					b, d.room, err = s.str(d.room)
					bot = bot || string(b) == "bot"
				}
				return err
			})
		})
	})
	return bot, err
}

// repost decodes app.bsky.feed.repost: no words of its own, only the address of what it repeats.
func (d *decoder) repost(s *scanner, p *ingest.Post) error {
	p.Kind = ingest.Repost
	return s.object(func(key []byte) (err error) {
		var b []byte
		switch string(key) {
		case "createdAt":
			if b, d.room, err = s.str(d.room); err == nil {
				p.Created = instant(b)
			}
		case "subject":
			if s.next() != '{' {
				return nil
			}
			return s.object(func(key []byte) (err error) {
				if string(key) == "uri" {
					if b, d.room, err = s.str(d.room); err == nil && len(b) > 0 {
						d.list = append(d.list, b)
						p.Links = d.list[len(d.list)-1 : len(d.list) : len(d.list)]
					}
				}
				return err
			})
		}
		return err
	})
}
