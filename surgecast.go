// Package surgecast holds the nouns of the service and their units: sites and the traffic they serve,
// topics and the mentions they draw, forecasts, risk, recommendations, surges and deliveries.
//
// It knows no technology: no SQL, no HTTP, no clock. Every other package speaks in these types, so a
// word means the same thing in the database, in the API and on the page. Names carry units (RPM is
// requests per minute, a Minute field is the start of a half-open UTC minute).
package surgecast

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"
)

// Errors a caller may branch on. The layer that meets one wraps it with what was being done, and to
// which thing; only api turns them into status codes.
var (
	ErrNotFound   = errors.New("not found")
	ErrExists     = errors.New("already exists")
	ErrStaleLease = errors.New("lease lost: another process holds a newer epoch")
	ErrSchemaOld  = errors.New("database schema is older than this program")
	ErrSchemaNew  = errors.New("database schema is newer than this program")
	ErrConflict   = errors.New("conflicts with what is stored")
	ErrRefused    = errors.New("refused by the database, and would be again")
)

// FieldError says which input was wrong, what was wrong with it and how to put it right. Line is the
// 1-based line of a file or the 1-based row of a body, 0 when there is only one.
type FieldError struct {
	Field  string
	Line   int
	Value  string // what was given, shortened; never a secret
	Detail string // what is wrong
	Remedy string // what to do
}

func (e *FieldError) Error() string {
	s := e.Field
	if e.Line > 0 {
		s = fmt.Sprintf("line %d, %s", e.Line, e.Field)
	}
	s += ": " + e.Detail
	if e.Value != "" {
		s += fmt.Sprintf(" (got %q)", e.Value)
	}
	if e.Remedy != "" {
		s += ". " + e.Remedy
	}
	return s
}

var slugPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// ValidSlug reports whether s may name a site or a topic. Slugs are immutable: they stand in URLs,
// in autoscaler configurations and in receivers' routing rules.
func ValidSlug(s string) bool { return slugPattern.MatchString(s) }

// NewID makes a prefixed UUIDv7, for example "srg_0199…": sortable by creation, recognisable in a log.
// The prefixes are srg_ (surge), evt_ (planned event), fct_ (forecast), dlv_ (delivery), whk_ (webhook),
// rec_ (recommendation), key_ (API key), psh_ (push sender), rng_ (rung), ldt_ (load test).
func NewID(prefix string) string {
	id, err := uuid.NewV7()
	if err != nil { // the system has no randomness left: nothing sensible can go on
		panic(fmt.Sprintf("no randomness for an identifier: %v", err))
	}
	return prefix + id.String()
}

// NewSecret returns n random bytes in hexadecimal, for references and tokens shown once.
func NewSecret(n int) string {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(fmt.Sprintf("no randomness for a secret: %v", err))
	}
	return hex.EncodeToString(b)
}

// Clock tells the time. Live it is time.Now; in replay and demo it is the time of the recording.
type Clock func() time.Time

// DefaultAccount is the one account of a small install.
const DefaultAccount int64 = 1

// Account owns sites, topics, keys and webhooks. Another account's thing is not found, never forbidden.
type Account struct {
	ID   int64
	Slug string
	Name string
}
