package accesslog

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// maxFiles bounds the files of one site's logs.
const maxFiles = 4096

// found is a file of the log.
type found struct {
	path     string
	packed   bool // gzip
	size     int64
	modified time.Time
	head     head
}

// seenHead saves unpacking a head again. Only of packed files, which nobody appends to: what is written is
// looked at each time, since an inode may be that of another file now.
type seenHead struct {
	inode    uint64
	size     int64
	modified time.Time
	head     head
}

// rotated is what rotation appends to a log's name.
var rotated = regexp.MustCompile(`([.-]\d[\dTZ._-]*)?(\.gz)?$`)

// family is the name a rotated file had when it was written.
func family(path string) string { return rotated.ReplaceAllString(path, "") }

// scan lists the files that may hold lines from floor on, with how many files there are at all and what
// is wrong with some. blocked: one that is being written cannot be opened, so no minute is known whole.
func (r *Reader) scan() (list []found, all int, warning string, blocked bool) {
	seen := map[string]bool{}
	for _, pattern := range r.c.Files {
		for _, p := range []string{pattern, pattern + `[.\-]*`} {
			paths, _ := filepath.Glob(p) // Check has tried the pattern
			for _, path := range paths {
				if seen[path] {
					continue
				}
				if len(seen) >= maxFiles {
					return list, all, fmt.Sprintf("more than %d files match: the rest is not read", maxFiles), false
				}
				seen[path] = true
				info, err := os.Stat(path)
				if err != nil || !info.Mode().IsRegular() {
					continue // rotated away since, or not a file
				}
				f := found{path: path, packed: strings.HasSuffix(path, ".gz"), size: info.Size(), modified: info.ModTime()}
				if !f.packed {
					if ext := filepath.Ext(path); ext == ".bz2" || ext == ".xz" || ext == ".zst" {
						if f.modified.Unix() >= r.win.floor {
							warning = fmt.Sprintf("%s is packed in a way that is not read: use gzip", filepath.Base(path))
						}
						continue
					}
				}
				all++
				// The last line of a file is not younger than its last change.
				if f.modified.Unix() < r.win.floor-minute {
					continue
				}
				var inode uint64
				if st, ok := info.Sys().(*syscall.Stat_t); ok {
					inode = st.Ino
				}
				old, ok := r.heads[path]
				if ok && old.inode == inode && f.size == old.size && f.modified.Equal(old.modified) {
					f.head = old.head
				} else {
					var ready bool
					if f.head, ready, err = readHead(path, f.packed, r.c.rules.parse); err != nil {
						if os.IsNotExist(err) {
							continue
						}
						warning, blocked = fmt.Sprintf("%s cannot be read: %v", filepath.Base(path), reason(err)), blocked || !f.packed
						continue
					}
					if !ready {
						continue
					}
				}
				if f.packed {
					r.heads[path] = seenHead{inode, f.size, f.modified, f.head}
				}
				list = append(list, f)
			}
		}
	}
	for path := range r.heads {
		if !seen[path] {
			delete(r.heads, path)
		}
	}
	return list, all, warning, blocked
}

// reason is an error without the path it names.
func reason(err error) error {
	if pe, ok := err.(*os.PathError); ok { //nolint:errorlint // as os returns it
		return pe.Err
	}
	return err
}
