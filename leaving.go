package surgecast

import "strconv"

// Leaving is what a deletion does to one site or topic, counted before it is done.
type Leaving struct {
	Goes  []Count // gone at once and for good
	Stays []Count // until retention forgets it, but nothing can ask for it by name any more
}

// Count is how many there are of something.
type Count struct {
	N    int64
	What string // in the plural
	One  string // in the singular
}

// String is the number with its word.
func (c Count) String() string {
	what := c.What
	if c.N == 1 {
		what = c.One
	}
	return strconv.FormatInt(c.N, 10) + " " + what
}
