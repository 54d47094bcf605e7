package surgecast

// Leaving is what a deletion does to one site or topic, counted before it is done.
type Leaving struct {
	Goes  []Count // gone at once and for good
	Stays []Count // until retention forgets it, but nothing can ask for it by name any more
}

// Count is how many there are of something; What is in the plural.
type Count struct {
	N    int64
	What string
}
