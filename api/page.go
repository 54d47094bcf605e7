package api

import (
	"encoding/base64"
	"strings"

	"surgecast"
)

// List is one part of a list in its stable order.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next part: send it as after; absent at the end"`
}

// PageQuery asks for one part of a list.
type PageQuery struct {
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"At most so many"`
	After string `query:"after" maxLength:"400" doc:"Cursor: next of the part before"`
}

// page opens the cursor. Cursors are opaque and of one list: what another list gave is refused, not
// misread.
func (p PageQuery) page(list string) (surgecast.Page, error) {
	out := surgecast.Page{Limit: p.Limit}
	if p.After == "" {
		return out, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(p.After)
	kind, after, ok := strings.Cut(string(b), ":")
	if err != nil || !ok || kind != list || after == "" || !printable(after) {
		return out, fieldProblem("after", codeBadCursor, "this cursor is not of this list", "Send next of the part before as it was, or leave after out to begin again.")
	}
	out.After = after
	return out, nil
}

func cursor(list, next string) string {
	if next == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(list + ":" + next))
}

func listOf[T, U any](kind string, items []T, next string, f func(T) U) List[U] {
	out := List[U]{Items: make([]U, len(items)), Next: cursor(kind, next)}
	for i, x := range items {
		out.Items[i] = f(x)
	}
	return out
}
