package rss

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/mmcdole/gofeed"

	"surgecast/ingest"
	"surgecast/ingest/markup"
)

const (
	maxBody   = 5 << 20 // bytes of one document
	maxItems  = 300     // of one document; those after are older and were there before
	maxKnown  = 600     // items remembered of one feed
	maxHeader = 512     // bytes of an ETag worth keeping
	timeout   = 20 * time.Second
	// old is when an item that is new to us is no news: a feed that puts its archive back.
	old = 48 * time.Hour
)

// feed is one address and what is known of it.
type feed struct {
	url   string
	state state
	seed  maphash.Seed
	// known are the items seen by this process. The keyed hashes in state serve the next process; the key they
	// are made with changes at midnight, this seed does not.
	known map[uint64]struct{}

	next   time.Time // when to ask again
	every  time.Duration
	failed error
}

// document asks for the feed and returns its items, none when it has not changed.
func (f *feed) document(ctx context.Context, c Config) (items []*gofeed.Item, changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, false, errors.New("the address cannot be used")
	}
	req.Header.Set("User-Agent", c.UserAgent)
	req.Header.Set("Accept", "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5")
	if f.state.ETag != "" {
		req.Header.Set("If-None-Match", f.state.ETag)
	}
	if f.state.Modified != "" {
		req.Header.Set("If-Modified-Since", f.state.Modified)
	}
	resp, err := c.Client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the address, which may hold a token
		}
		return nil, false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNotModified:
		return nil, false, nil
	case http.StatusOK:
	default:
		return nil, false, errors.New(resp.Status)
	}
	body := &io.LimitedReader{R: resp.Body, N: maxBody + 1}
	parsed, err := gofeed.NewParser().Parse(body)
	if body.N <= 0 {
		return nil, false, fmt.Errorf("the document is longer than %d bytes", maxBody)
	}
	if err != nil {
		return nil, false, fmt.Errorf("the document cannot be read: %w", err)
	}
	f.state.ETag, f.state.Modified = header(resp, "ETag"), header(resp, "Last-Modified")
	return parsed.Items[:min(len(parsed.Items), maxItems)], true, nil
}

func header(resp *http.Response, name string) string {
	if v := resp.Header.Get(name); len(v) <= maxHeader {
		return v
	}
	return ""
}

// news returns the items that were not there before, as posts of now. The first document of a feed sets the
// baseline: all of it is known, none of it is news.
func (f *feed) news(items []*gofeed.Item, now time.Time, hash ingest.Hash) (posts []ingest.Post, stale int) {
	stored := f.state.set()
	at, asked := now.UnixMicro(), f.state.Asked*1e6
	key := uint32(hash(at, []byte("rss: which key")))
	sameKey := key == f.state.Key
	// The day may have changed since; the key of the day the state is of is still there.
	readable := uint32(hash(asked, []byte("rss: which key"))) == f.state.Key
	baseline := f.state.Asked == 0
	first := f.known == nil
	if first || len(f.known) > maxKnown {
		f.known = make(map[uint64]struct{}, len(items))
	}
	before := f.known
	fresh := make(map[uint64]struct{}, len(items))
	ids := make([]uint32, 0, maxKnown)
	for _, it := range items {
		guid := it.GUID
		if guid == "" {
			guid = it.Link
		}
		if guid == "" {
			guid = it.Title
		}
		if guid == "" {
			continue
		}
		name := []byte("rss:" + f.url + "\n" + guid)
		id := hash(at, name)
		ids = append(ids, uint32(id))
		local := maphash.String(f.seed, guid)
		if _, twice := fresh[local]; twice {
			continue
		}
		fresh[local] = struct{}{}
		published := it.PublishedParsed
		if published == nil {
			published = it.UpdatedParsed
		}
		var isKnown bool
		switch {
		case baseline:
			isKnown = true
		case !first:
			_, isKnown = before[local]
		case readable:
			isKnown = stored[uint32(hash(asked, name))]
		default: // the hashes tell nothing any more: what was published since we asked last is new
			isKnown = published == nil || published.Unix() <= f.state.Asked
		}
		if isKnown {
			continue
		}
		if published != nil && now.Sub(*published) > old {
			stale++
			continue
		}
		posts = append(posts, f.post(it, id, now, hash))
	}
	for local := range fresh {
		f.known[local] = struct{}{}
	}
	if sameKey { // items that left the document may come back
		for _, id := range f.state.ids() {
			if len(ids) < maxKnown && stored[id] {
				ids = append(ids, id)
			}
		}
	}
	f.state.Key, f.state.Asked = key, now.Unix()
	f.state.setIDs(ids)
	return posts, stale
}

func (f *feed) post(it *gofeed.Item, id uint64, now time.Time, hash ingest.Hash) ingest.Post {
	p := ingest.Post{
		Time:   now.UnixMicro(),                             // when we could know of it; the date in it is the author's, and minutes to hours older
		Author: hash(now.UnixMicro(), []byte("rss@"+f.url)), // a newsroom speaks with one voice
		ID:     id,
		Kind:   ingest.Original,
	}
	p.Text, p.Links = markup.Text(nil, nil, it.Title)
	body := it.Description
	if body == "" {
		body = it.Content
	}
	p.Text = append(p.Text, '\n')
	p.Text, p.Links = markup.Text(p.Text, p.Links, body)
	if it.Link != "" {
		p.Links = append(p.Links, []byte(it.Link))
	}
	for _, c := range it.Categories {
		p.Tags = append(p.Tags, []byte(c))
	}
	return p
}
