package surgecast

import "time"

// PushSender may push counts and traffic by signing its messages (Standard Webhooks), without a key of
// the API: what a vendor's webhook can do.
type PushSender struct {
	ID        string // psh_…
	AccountID int64
	Name      string
	Source    string   // it counts for this source only; empty: any
	Sites     []int64  // it sends traffic of these only; empty: all of the account
	Secrets   [][]byte // encrypted at rest; newest first, two while rotating
	CreatedAt time.Time
	RotatedAt time.Time // when the newest secret was added; zero before the first rotation
}
