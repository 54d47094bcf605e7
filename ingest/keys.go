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
// database, never in it. Those of the two days before are kept for what is read again (Jetstream goes back 36
// hours), older ones are forgotten, so that hashes of different days cannot be joined by anybody. That of the
// next day is made ahead: which key an event gets depends on its day, not on when the day was noticed.
//
// Several processes may share the file; whoever needs a day's key first makes it.
type Keys struct {
	path  string
	clock surgecast.Clock
	now   atomic.Pointer[dayKeys]
	mu    sync.Mutex // one renewal at a time
}

const (
	secondsOfDay = 86400
	daysBefore   = 2
	daysKept     = daysBefore + 2 // with today and tomorrow
)

// dayKeys are the keys from daysBefore days before day to the day after it.
type dayKeys struct {
	day  int64 // days since 1970
	keys [daysKept]struct {
		k0, k1 uint64
		have   bool
	}
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
	next := keyFile{Keys: map[string]string{}}
	made := false
	d := &dayKeys{day: day}
	for i := range d.keys {
		name := dayName(day - daysBefore + int64(i))
		text, have := f.Keys[name]
		if _, _, ok := f.key(name); !have || !ok {
			if i < daysBefore { // whatever was hashed under it is gone
				continue
			}
			var secret [16]byte
			_, _ = rand.Read(secret[:]) // never fails
			text, made = hex.EncodeToString(secret[:]), true
		}
		next.Keys[name] = text
		d.keys[i].k0, d.keys[i].k1, d.keys[i].have = next.key(name)
	}
	if made || len(next.Keys) < len(f.Keys) {
		if err := writeKeyFile(k.path, next); err != nil {
			return err
		}
	}
	k.now.Store(d)
	return nil
}

func (f keyFile) key(day string) (k0, k1 uint64, ok bool) {
	b, err := hex.DecodeString(f.Keys[day])
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

// HashAt is the hash of b under the key of the day of at, Unix microseconds; of a day whose key is not there,
// under that of the present one. A feed that gives a time which is the same whenever and wherever it is read
// gets the same hash, through midnight as well.
func (k *Keys) HashAt(at int64, b []byte) uint64 {
	d := k.now.Load()
	i := at/(secondsOfDay*1e6) - d.day + daysBefore
	if i < 0 || i >= daysKept || !d.keys[i].have {
		i = daysBefore
	}
	return sipHash(d.keys[i].k0, d.keys[i].k1, b)
}
