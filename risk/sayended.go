package risk

// SayDeleted is what ends an episode whose site or topic was deleted.
func SayDeleted(slug string) (headline, sentence string) {
	return "No longer watched: " + slug + ".", "It was deleted, and its surge with it. How it went on nobody counts."
}

// SayRetired is what ends an episode of a segment that is no longer sent or no longer has a limit of its own.
func SayRetired(segment string) (headline, sentence string) {
	return "No longer judged: " + segment + ".", "No numbers of its own come any more. Missing, not zero."
}
