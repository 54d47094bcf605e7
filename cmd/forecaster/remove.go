package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"surgecast"
)

// removal is a deletion somebody asked for: it says what goes, asks on a terminal, and does it.
type removal struct {
	kind, slug string
	yes        bool
	leaving    surgecast.Leaving
	do         func() error
}

// run asks whoever sits at a terminal to type the name; elsewhere only --yes is an answer.
func (r removal) run(g *Global) error {
	if !r.yes {
		if f, isFile := g.in.(*os.File); isFile && !isTerminal(f) {
			return usage("%s\nNothing was removed: repeat with --yes", r.words())
		}
		typed, err := r.asked(g.errOut, g.in)
		if err != nil {
			return err
		}
		switch typed {
		case r.slug:
		case "":
			return usage("Nothing was removed: type %s, or repeat with --yes", r.slug)
		default:
			return errors.New("that is not its name: nothing was removed")
		}
	}
	if err := r.do(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(g.out, "removed %s %s: %s gone; %s stay until retention forgets them\n", r.kind, r.slug, counts(r.leaving.Goes), counts(r.leaving.Stays))
	return err
}

func (r removal) asked(out io.Writer, in io.Reader) (string, error) {
	if _, err := fmt.Fprintf(out, "%s\nType %s to remove it: ", r.words(), r.slug); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	return strings.TrimSpace(line), nil
}

func (r removal) words() string {
	return fmt.Sprintf("Removing %s %s cannot be undone.\n  Gone at once: its settings and models, %s.\n  Out of reach until retention forgets them: %s.", r.kind, r.slug, counts(r.leaving.Goes), counts(r.leaving.Stays))
}

// counts leaves out what there is none of.
func counts(cs []surgecast.Count) string {
	var out []string
	for _, c := range cs {
		if c.N > 0 {
			out = append(out, c.String())
		}
	}
	if len(out) == 0 {
		return "nothing else"
	}
	return strings.Join(out, ", ")
}

// meant adds to an error about an unknown name the one of names that is a slip away.
func meant(err error, slug string, names []string) error {
	var f *surgecast.FieldError
	if !errors.As(err, &f) {
		return err
	}
	for _, n := range names {
		if slips(slug, n) <= 2 || len(slug) >= 3 && strings.HasPrefix(n, slug) {
			out := *f
			out.Detail += ", did you mean " + n + "?"
			return &out
		}
	}
	return err
}

// slips is the Levenshtein distance: letters added, left out or changed.
func slips(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
