package accesslog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// place is what is remembered between runs. It belongs to the machine that has the logs, and is only ever
// behind what is stored: minutes before Floor are stored for good, those from it on are counted again.
type place struct {
	Version int         `json:"version"`
	Floor   int64       `json:"floor"` // Unix seconds
	Whole   int64       `json:"whole"` // minutes before it stay as they are stored: a file of theirs is gone
	Quiet   quiet       `json:"quiet"`
	Files   []filePlace `json:"files"`
}

type filePlace struct {
	head
	Offset int64 `json:"offset"` // no line from Floor on begins before it
	Live   bool  `json:"live"`   // it may hold such lines, so its loss would be one of counts
}

const placeVersion = 1

// readPlace reads a place; ok is false when there is none, or it is damaged or of another version: the
// logs are then read from their beginning, which gives the same counts.
func readPlace(path string) (p place, ok bool, err error) {
	if path == "" {
		return p, false, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("reading the place in the access logs: %w", err)
	}
	if json.Unmarshal(b, &p) != nil || p.Version != placeVersion || p.Floor <= 0 || p.Floor%minute != 0 {
		return place{}, false, nil //nolint:nilerr // a damaged place is none
	}
	return p, true, nil
}

// write replaces the place at once: whoever reads it finds the old one or the new one.
func (p place) write(path string) (err error) {
	if path == "" {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("saving the place in the access logs: %w", err)
		}
	}()
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// place is where the reader may begin again.
func (r *Reader) place() place {
	p := place{Version: placeVersion, Floor: r.win.floor, Whole: r.whole, Quiet: r.win.before}
	for _, q := range r.parts {
		p.Files = append(p.Files, filePlace{q.head, q.resume(r.win.floor), q.change >= r.win.floor-minute})
	}
	slices.SortFunc(p.Files, func(a, b filePlace) int { return int(a.First - b.First) })
	return p
}
