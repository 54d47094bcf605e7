package surgecast

// Heard is how far one source's counts of one topic reach. There is one for each of 100,000 topics, so
// times are Unix seconds.
type Heard struct {
	TopicID  int64
	SourceID int64
	First    int64 // first bucket with a count; of a topic whose past was read back, its beginning
	Counted  int64 // newest bucket with a count, complete or not
	Complete int64 // newest complete bucket: later ones may still grow
}
