package ingest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Appendix A of the SipHash paper: key 00 … 0f, message 00 … 0e.
//
// Fails when: sipRound rotates by another number of bits.
func TestSipHashAgainstThePaper(t *testing.T) {
	var b []byte
	for i := range 15 {
		b = append(b, byte(i))
	}
	if got := sipHash(0x0706050403020100, 0x0f0e0d0c0b0a0908, b); got != 0xa129ca6149be45e5 {
		t.Errorf("sipHash = %x, want a129ca6149be45e5", got)
	}
	if got := sipHash(0x0706050403020100, 0x0f0e0d0c0b0a0908, nil); got != 0x726fdb47dd0e0e31 {
		t.Errorf("sipHash of nothing = %x, want 726fdb47dd0e0e31", got)
	}
}

// A key lives for its day and the next; processes share it, and nobody else can read it.
//
// Fails when: renew keeps no key of the day before, or HashAt always takes today's.
func TestKeysAreRenewedDaily(t *testing.T) {
	now := time.Date(2026, 11, 21, 23, 59, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	path := filepath.Join(t.TempDir(), "ingest.key")
	open := func() *Keys {
		k, err := OpenKeys(path, clock)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	name := []byte("did:plc:somebody")
	k := open()
	before := k.Hash(name)
	if open().Hash(name) != before {
		t.Error("a second process hashes with another key")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file has mode %v, %v; want 0600", info.Mode(), err)
	}
	evening := now.UnixMicro()
	now = now.Add(2 * time.Minute)
	if err := k.Renew(); err != nil {
		t.Fatal(err)
	}
	after := k.Hash(name)
	if after == before {
		t.Error("the key was not renewed at midnight")
	}
	if k.HashAt(evening, name) != before || open().HashAt(evening, name) != before {
		t.Error("yesterday's events are not hashed with yesterday's key")
	}
	if k.HashAt(now.UnixMicro(), name) != after || k.HashAt(0, name) != after {
		t.Error("other events are not hashed with today's key")
	}
	now = now.AddDate(0, 0, 2)
	if err := k.Renew(); err != nil {
		t.Fatal(err)
	}
	if k.HashAt(evening, name) == before {
		t.Error("a key of two days ago is still there")
	}
}

// Fails when: dayName leaves out a damaged file's replacement, or OpenKeys gives up.
func TestDamagedKeyFileIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ingest.key")
	if err := os.WriteFile(path, []byte(`{"keys":{"2026`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(path, func() time.Time { return t0 }); err != nil {
		t.Errorf("OpenKeys of a damaged file = %v, want a new key", err)
	}
}
