package ingest

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"surgecast"
	"surgecast/ingest/match"
)

// topicEvery is how often topics are looked at. Asking whether anything changed costs one small query.
const topicEvery = 2 * time.Second

// topicBook keeps the topics of all accounts and the terms made of them, and hands new ones to those who
// count. Terms are built beside the ones in use.
type topicBook struct {
	store  Store
	log    *slog.Logger
	loaded chan struct{} // closed once topics are there

	mu     sync.Mutex
	mark   string
	topics []surgecast.Topic
	want   []match.Topic
	terms  *match.Set // built from want
	ring   *match.Ring
	users  map[*tally]bool
}

func newTopicBook(s Store, log *slog.Logger) *topicBook {
	return &topicBook{store: s, log: log, loaded: make(chan struct{}), users: map[*tally]bool{}, ring: match.NewRing(0)}
}

// ready loads the topics if that has not happened yet.
func (b *topicBook) ready(ctx context.Context) error {
	select {
	case <-b.loaded:
		return nil
	default:
		return b.refresh(ctx)
	}
}

func (b *topicBook) run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		err := b.refresh(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			b.log.Warn("topics cannot be read; going on with those known", "err", err)
		}
		failing = err != nil
		sleep(ctx, topicEvery)
	}
	return nil
}

func (b *topicBook) refresh(ctx context.Context) error {
	mark, err := b.store.TopicsMark(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	same := b.terms != nil && mark == b.mark
	b.mu.Unlock()
	if same {
		return nil
	}
	topics, err := b.store.AllTopics(ctx)
	if err != nil {
		return err
	}
	want := make([]match.Topic, len(topics))
	for i, t := range topics {
		want[i] = match.Topic{ID: t.ID, Any: t.Any, And: t.And, Not: t.Not}
	}
	set, err := match.Build(want)
	if set == nil {
		return err
	}
	if err != nil { // the others are counted
		b.log.Warn("topics that cannot be counted", "err", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.terms == nil
	b.mark, b.topics, b.want, b.terms = mark, topics, want, set
	for u := range b.users {
		u.take(want, set)
	}
	if first {
		close(b.loaded)
	}
	return nil
}

// subscribe gives a tally the terms in use, and those to come until leave.
func (b *topicBook) subscribe(t *tally) (leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.ring = b.ring
	t.take(b.want, b.terms)
	b.users[t] = true
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.users, t)
	}
}

func (b *topicBook) all() []surgecast.Topic {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.topics
}
