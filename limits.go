package surgecast

import "fmt"

// How much one account may have. Whoever holds a key may make things, and everything made is swept, asked for or
// written to every minute: without a bound one caller takes the service from all others. DESIGN 11 says what the
// engine carries (1,000 linked sites, 100,000 topics over all accounts) and 12.6 what an account may count.
const (
	MaxSites    = 1000 // of an account
	MaxTopics   = 1000 // of an account
	MaxWebhooks = 500  // of an account; every surge is told to each of them
	MaxKeys     = 1000 // of an account
	MaxSenders  = 500  // of an account
	MaxEvents   = 500  // planned for a site and not yet over
	MaxRungs    = 20   // of a site's ladder
	MaxMarks    = 1000 // acks, mutes and notes of one surge
	KeptOrders  = 1000 // overrides, notices and modes of a site, freezes of an account: the newest are kept, none is ever refused
)

// LimitError says that there are as many of something as there may be. Nothing was stored.
type LimitError struct {
	Most   int
	What   string // in the plural: "sites of an account"
	Field  string // of the input that would have made one more
	Remedy string
}

func (e *LimitError) Error() string { return e.Detail() + ". " + e.Remedy }

// Detail is what is wrong, in a sentence without its end.
func (e *LimitError) Detail() string {
	return fmt.Sprintf("there are %d %s, and no more may be", e.Most, e.What)
}
