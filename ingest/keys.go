package ingest

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"surgecast"
)

// Keys are the secrets under which accounts and posts are hashed: one a UTC day, in a file beside the
// database, never in it. Yesterday's is kept for what overlaps midnight, older ones are forgotten, so that
// hashes of different days cannot be joined by anybody.
//
// Several processes may share the file; whoever needs a day's key first makes it.
type Keys struct {
	path  string
	clock surgecast.Clock
	now   atomic.Pointer[dayKeys]
	mu    sync.Mutex // one renewal at a time
}

const secondsOfDay = 86400

type dayKeys struct {
	day              int64 // of the first pair, days since 1970
	today0, today1   uint64
	before0, before1 uint64
	haveBefore       bool
}

// keyFile is what the file holds: keys in hexadecimal by day.
type keyFile struct {
	Keys map[string]string `json:"keys"`
}

// OpenKeys reads the key file, or makes it, readable by its owner only.
func OpenKeys(path string, clock surgecast.Clock) (*Keys, error) {
	k := &Keys{path: path, clock: clock}
	if err := k.renew(clock().Unix() / secondsOfDay); err != nil {
		return nil, err
	}
	return k, nil
}

// Renew makes the key of the present day, if the day has changed. It is called from time to time.
func (k *Keys) Renew() error {
	day := k.clock().Unix() / secondsOfDay
	if k.now.Load().day == day {
		return nil
	}
	return k.renew(day)
}

func (k *Keys) renew(day int64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	unlock, err := lockFile(k.path + ".lock")
	if err != nil {
		return fmt.Errorf("key of the hashes: %w", err)
	}
	defer unlock()
	var f keyFile
	b, err := os.ReadFile(k.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("key of the hashes: %w", err)
	default:
		if err := json.Unmarshal(b, &f); err != nil {
			f = keyFile{} // half written by a machine that lost power: a new key costs ten minutes of memory
		}
	}
	d := &dayKeys{day: day}
	var ok bool
	if d.today0, d.today1, ok = f.key(day); !ok {
		var secret [16]byte
		_, _ = rand.Read(secret[:]) // never fails
		next := keyFile{Keys: map[string]string{dayName(day): hex.EncodeToString(secret[:])}}
		if old, have := f.Keys[dayName(day-1)]; have {
			next.Keys[dayName(day-1)] = old
		}
		if err := writeKeyFile(k.path, next); err != nil {
			return err
		}
		f = next
		d.today0, d.today1, _ = f.key(day)
	}
	d.before0, d.before1, d.haveBefore = f.key(day - 1)
	k.now.Store(d)
	return nil
}

func (f keyFile) key(day int64) (k0, k1 uint64, ok bool) {
	b, err := hex.DecodeString(f.Keys[dayName(day)])
	if err != nil || len(b) != 16 {
		return 0, 0, false
	}
	for i := range 8 {
		k0 |= uint64(b[i]) << (8 * i)
		k1 |= uint64(b[8+i]) << (8 * i)
	}
	return k0, k1, true
}

func dayName(day int64) string { return time.Unix(day*secondsOfDay, 0).UTC().Format(time.DateOnly) }

// writeKeyFile puts the whole file in place at once.
func writeKeyFile(path string, f keyFile) error {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("key of the hashes: %w", err)
	}
	t, err := os.CreateTemp(filepath.Dir(path), ".ingest-key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("key of the hashes: %w", err)
	}
	_, err = t.Write(b)
	if err = errors.Join(err, t.Sync(), t.Close()); err == nil {
		err = os.Rename(t.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("key of the hashes: %w", err), os.Remove(t.Name()))
	}
	return nil
}

// Hash is the hash of b under the present day's key.
func (k *Keys) Hash(b []byte) uint64 {
	d := k.now.Load()
	return sipHash(d.today0, d.today1, b)
}

// HashAt is the hash of b under the key of the day of at, Unix microseconds, when that is today or yesterday,
// else under today's. A feed that gives a time which is the same on all its hosts gets the same hash from
// all of them, through midnight as well.
func (k *Keys) HashAt(at int64, b []byte) uint64 {
	d := k.now.Load()
	if d.haveBefore && at >= (d.day-1)*secondsOfDay*1e6 && at < d.day*secondsOfDay*1e6 {
		return sipHash(d.before0, d.before1, b)
	}
	return sipHash(d.today0, d.today1, b)
}
