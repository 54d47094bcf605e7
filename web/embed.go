// Package web holds the pages people read: the dashboard as its build left it, and the same pages drawn
// by the server for machines without Node and browsers without script.
//
// It promises that this package always compiles, whether the dashboard was built or not; that a drawn
// page shows the API's documents and composes no verdict of its own; and that whatever is simulated says
// so on the page and in its title. It knows no route and no store: api serves what it is handed.
package web

import (
	"embed"
	"io/fs"
)

// The all: prefix takes dist/.gitkeep in, so that an unbuilt tree still has something to embed.
//
//go:embed all:dist
var dist embed.FS

// Dist returns the built dashboard, rooted at its index.html, and whether there is one. Without a build
// (no Node on the machine) the answer is false and Draw is what pages are made with.
func Dist() (fs.FS, bool) {
	sub, err := fs.Sub(dist, "dist")
	if err != nil { // only a malformed path can do that, and "dist" is not one
		panic(err)
	}
	if _, err := fs.Stat(sub, "index.html"); err != nil {
		return nil, false
	}
	return sub, true
}
