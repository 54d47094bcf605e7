package surgecast

// Page asks for one part of a list in its stable order.
type Page struct {
	Limit int    // at most so many; 0: the store's own bound
	After string // cursor the part before ended with; empty: from the beginning
}

// Written says what an absolute upsert did. Repeating it changes nothing.
type Written struct {
	Inserted  int
	Changed   int
	Unchanged int
}

// SurgeFilter narrows a list of surges; the zero value is all of the account.
type SurgeFilter struct {
	SiteIDs []int64 // empty: of every site and topic
	TopicID int64   // 0: of every topic
	Open    bool    // only those that have not ended
}
