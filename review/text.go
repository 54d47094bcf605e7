package review

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// textWidth is what a terminal shows without breaking lines.
const textWidth = 100

// most rows of a list the terminal shows; JSON and HTML have all.
const textRows = 20

// Text writes the report for a terminal, at most 100 columns wide. Each part says in a line what it answers.
func (r Report) Text(w io.Writer) error {
	b := bufio.NewWriter(w)
	t := textWriter{w: b}
	for _, s := range r.sections() {
		if s.title != "" {
			t.line("")
			t.line(s.title)
		}
		for _, l := range s.lead {
			t.wrap(l)
		}
		for _, tab := range s.tables {
			if tab.caption != "" {
				t.wrap(tab.caption)
			}
			t.table(tab)
		}
		for _, l := range s.tail {
			t.wrap(l)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write the report of %s: %w", r.Site.Slug, err)
	}
	return nil
}

// table is one table of the report, for terminal and page alike. The first column is text, the others are
// right-aligned unless left says so.
type table struct {
	caption string
	head    []string
	rows    [][]string
	left    []int // columns beside the first that hold text
	note    string
}

type textWriter struct{ w *bufio.Writer }

func (t textWriter) line(s string) {
	// A bufio.Writer keeps its first error; Flush returns it.
	_, _ = t.w.WriteString(strings.TrimRight(s, " ") + "\n")
}

// indent stands before everything but the titles of parts.
const indent = "  "

// wrap breaks a paragraph at the width of a terminal.
func (t textWriter) wrap(s string) {
	line := indent
	for _, word := range strings.Fields(s) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > textWidth && strings.TrimSpace(line) != "" {
			t.line(line)
			line = indent
		}
		if strings.TrimSpace(line) != "" {
			line += " "
		}
		line += word
	}
	t.line(line)
}

func (t textWriter) table(tab table) {
	if len(tab.rows) == 0 {
		return
	}
	width := make([]int, len(tab.head))
	for _, row := range append([][]string{tab.head}, tab.rows...) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	left := func(i int) bool {
		for _, l := range tab.left {
			if l == i {
				return true
			}
		}
		return i == 0
	}
	write := func(row []string) {
		line := indent
		for i, c := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i > 0 {
				line += "  "
			}
			if left(i) {
				line += c + pad
			} else {
				line += pad + c
			}
		}
		t.line(line)
	}
	write(tab.head)
	for i, row := range tab.rows {
		if i == textRows {
			t.line(fmt.Sprintf(indent+"… %d more", len(tab.rows)-textRows))
			break
		}
		write(row)
	}
	if tab.note != "" {
		t.wrap(tab.note)
	}
}
