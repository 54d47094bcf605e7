package x

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"surgecast/ingest"
)

// warnings are what a person should know, a bounded number of sentences.
type warnings struct {
	texts []string
	more  int
}

const mostWarnings = 5

func (w *warnings) add(text string) {
	if slices.Contains(w.texts, text) {
		return
	}
	if len(w.texts) == mostWarnings {
		w.more++
		return
	}
	w.texts = append(w.texts, text)
}

func (w *warnings) String() string {
	s := strings.Join(w.texts, ". ")
	if w.more > 0 {
		s += fmt.Sprintf(". And %d more", w.more)
	}
	return s
}

// say puts up the warning that holds after a round, and takes it down when none does.
func (x *Counts) say(board ingest.Board, w *warnings) {
	now := x.cfg.Clock()
	all := warnings{}
	var broke []int64
	for account := range x.broke {
		broke = append(broke, account)
	}
	slices.Sort(broke)
	for _, account := range broke {
		all.add(fmt.Sprintf("the money account %d set aside for X is used up for this day or month, or none was: its topics go stale and are not zero. Raise SURGECAST_X_BUDGET, or wait", account))
	}
	if now.Before(x.notBefore) {
		all.add("X allows no request before " + x.notBefore.UTC().Format(time.TimeOnly) + " UTC: its topics go stale until then")
	}
	// Sorted: the order of a map must not look like a change.
	slices.Sort(w.texts)
	for _, text := range w.texts {
		all.add(text)
	}
	all.more += w.more
	if text := all.String(); text != x.told {
		x.told = text
		board.Warn(text)
	}
}
