package ingest

import (
	"context"
	"time"

	"surgecast"
)

// PostKind says what a post is to the network it appeared on.
type PostKind uint8

// The kinds of post.
const (
	Original PostKind = iota
	Reply
	Repost
	Quote
)

// Post is one event of a stream, decoded just far enough to be matched and counted. It lives in memory
// for the length of one call: no part of it is ever stored. Author and ID are keyed hashes (Hash), so
// that not even memory holds an account's name for longer than its line.
type Post struct {
	Time    int64 // Unix microseconds, the server's clock: decides the minute
	Created int64 // Unix microseconds, the author's clock: only measures skew; 0 unknown
	Author  uint64
	ID      uint64 // the same event has the same ID on every host of the feed

	Text  []byte   // UTF-8 as the author wrote it, markup removed; may be invalid
	Tags  [][]byte // hashtags the feed names apart from the text, without #
	Links [][]byte // whole addresses, of facets, embeds and entities

	Kind  PostKind
	Bot   bool    // declared by the account or the feed
	Since int64   // when the account was made, Unix seconds; 0 unknown
	Reach float64 // people who could see it; 0 unknown
}

// Hash is a keyed hash: the same bytes give the same number under the same key, and nobody without the key can
// tell what they were. The key is that of the day of at, Unix microseconds: a time the feed gives with what is
// hashed, so that an event read again after midnight has the hash it had before (Keys.HashAt).
type Hash func(at int64, b []byte) uint64

// Stream is a feed of posts, counted here. Its counts and its place in the feed are stored in one
// transaction, so Run may be stopped at any moment and started again from the stored place.
type Stream interface {
	Source() surgecast.Source

	// Run reads on from the place that was handed to the sink last ("" before the first: begin with what
	// comes now) until ctx ends or something goes wrong, and says what. It never retries on its own: the
	// supervisor waits, backs off and starts it again. Run returns nil only for an end the feed makes
	// regularly and expects to be resumed at once.
	Run(ctx context.Context, from string, sink Sink) error
}

// Rewinder is a Stream that can go back: the place d before another. The supervisor uses it to refill the
// memory of authors and copies after a restart, without counting what it reads until the stored place.
type Rewinder interface {
	Rewind(place string, d time.Duration) string
}

// Replayer is a Rewinder whose feed can be read a second time from a moment on, beside the stream itself: the
// past of a topic made now.
type Replayer interface {
	Rewinder
	// Replay is another reader of the same feed, with connections of its own.
	Replay() Stream
	// PlaceAt is the place in the feed at a time, on the host that near is of.
	PlaceAt(at time.Time, near string) string
	// Keeps is how far back the feed can be read.
	Keeps() time.Duration
}

// Sink takes what a stream reads. Its methods are called from one goroutine; slices handed over may be
// reused as soon as the call returns.
type Sink interface {
	// Posts takes posts in the order they were read, and the place after the last of them. It blocks while
	// the writer is behind, so that a feed is slowed down rather than memory filled. Posts may be empty: the
	// place moved on.
	Posts(ctx context.Context, posts []Post, place string) error

	// Complete says that everything the server stamped before t has been handed over. Minutes before it may
	// be closed; it also counts as a sign of life.
	Complete(t time.Time)

	// Gap says that what happened from from until to cannot be read any more: those minutes are missing,
	// not zero.
	Gap(from, to time.Time, reason string)

	// Dropped counts input that was left out, by a short fixed reason ("undecodable", "too long").
	Dropped(reason string, n int)

	// Warn says in words for a person what is wrong although the connection stands; "" takes it back.
	Warn(text string)
}

// Counter is a source of finished counts (X, a vendor): nothing is counted here, and what it says
// of a minute replaces what it said before.
type Counter interface {
	Source() surgecast.Source
	// Run polls until ctx ends or something goes wrong; the supervisor starts it again.
	Run(ctx context.Context, board Board) error
}

// Board is what a Counter reads its topics from and writes its counts to.
type Board interface {
	Topics() []surgecast.Topic // those to be counted now
	// Heat of a topic in 0..1: 1 in watch or alert, 0 when nothing moves. It decides how often it is asked for.
	Heat(topicID int64) float64
	// Put stores finished counts, absolutely.
	Put(ctx context.Context, rows []surgecast.MentionMinute) error
	// Newest is the last bucket of the topic that is stored from this source; zero before the first.
	Newest(topicID int64) time.Time
	// Spend books money against the account's budget for this source before a request is made, in
	// thousandths of a cent; false: the budget is used up and the request must not be made.
	Spend(ctx context.Context, account int64, millicents int64) (bool, error)
	Dropped(reason string, n int)
	Warn(text string)
}
