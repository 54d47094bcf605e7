package store

import (
	"surgecast"
)

// Bounds of one part of a list.
const (
	pageDefault = 100
	pageMost    = 1000
)

func limit(p surgecast.Page) int {
	if p.Limit <= 0 {
		return pageDefault
	}
	return min(p.Limit, pageMost)
}

// part cuts rows, read one further than the limit, to the limit, and gives the cursor to go on from:
// empty at the end of the list.
func part[T any](rows []T, p surgecast.Page, cursor func(T) string) ([]T, string) {
	n := limit(p)
	if len(rows) <= n {
		return rows, ""
	}
	rows = rows[:n]
	return rows, cursor(rows[n-1])
}
