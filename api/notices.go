package api

import (
	"context"
	"sync"
	"time"

	"surgecast"
)

// noticeCache keeps what the public pages say for some seconds, bounded: a public page must not become
// a way to the database for whoever reloads it.
type noticeCache struct {
	read func(ctx context.Context, siteID int64, n int) ([]surgecast.Notice, error)

	mu   sync.Mutex
	kept map[int64]keptNotices
}

type keptNotices struct {
	at      time.Time
	notices []surgecast.Notice
}

const (
	noticesKept = 5 * time.Second
	noticesMost = 10_000
	noticesBack = 5 // enough to see that an end was put off twice
)

func (c *noticeCache) of(ctx context.Context, now time.Time, siteID int64) ([]surgecast.Notice, error) {
	c.mu.Lock()
	k, ok := c.kept[siteID]
	c.mu.Unlock()
	if ok && now.Sub(k.at) < noticesKept {
		return k.notices, nil
	}
	ns, err := c.read(ctx, siteID, noticesBack)
	if err != nil {
		if ok {
			return k.notices, nil // the database is away: the last word holds
		}
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) >= noticesMost {
		c.kept = map[int64]keptNotices{}
	}
	c.kept[siteID] = keptNotices{now, ns}
	return ns, nil
}

func (c *noticeCache) forget(siteID int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.kept, siteID)
}
