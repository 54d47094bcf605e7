package rss

import (
	"bytes"
	"hash/maphash"
	"time"

	"github.com/mmcdole/gofeed"

	"surgecast/ingest"
	"surgecast/ingest/ingesttest"
)

// ReadForTest reads a document as one that follows an empty baseline.
func ReadForTest(body []byte, now time.Time) []ingest.Post {
	parsed, err := gofeed.NewParser().Parse(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	f := feed{url: "x", seed: maphash.MakeSeed(), state: state{Asked: 1}, known: map[uint64]struct{}{}}
	posts, _ := f.news(parsed.Items, now, ingesttest.Hash)
	return posts
}
