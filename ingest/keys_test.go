package ingest

import (
	"os"
	"path/filepath"
	"strings"
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

// A key lives for its day and the two after; processes share it, and nobody else can read it. An event has one
// hash, before midnight and after it, in a process that has noticed the new day and in one that has not.
//
// Fails when: renew keeps no key of the days before, makes none for the next, or HashAt always takes today's.
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
	evening, morning := now.UnixMicro(), now.Add(2*time.Minute).UnixMicro()
	before, after := k.HashAt(evening, name), k.HashAt(morning, name)
	if before == after {
		t.Error("the key does not change at midnight")
	}
	if open().HashAt(evening, name) != before {
		t.Error("a second process hashes with another key")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file has mode %v, %v; want 0600", info.Mode(), err)
	}
	now = now.Add(2 * time.Minute)
	same := func(who string, k *Keys) {
		t.Helper()
		if k.HashAt(evening, name) != before {
			t.Errorf("%s: yesterday's event has another hash than yesterday", who)
		}
		if k.HashAt(morning, name) != after {
			t.Errorf("%s: today's event has another hash than the one it had before midnight was noticed", who)
		}
	}
	same("a process that has not noticed midnight", k)
	if err := k.Renew(); err != nil {
		t.Fatal(err)
	}
	same("one that has", k)
	same("one that is started after it", open())
	if k.HashAt(0, name) != k.HashAt(now.UnixMicro(), name) {
		t.Error("an event of 1970 is not hashed with today's key")
	}
	now = now.AddDate(0, 0, 1)
	if err := k.Renew(); err != nil {
		t.Fatal(err)
	}
	same("a day later", k)
	now = now.AddDate(0, 0, 1)
	if err := k.Renew(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), "2026-11-21") || k.HashAt(evening, name) == before {
		t.Errorf("a key of three days ago is still there: %s, %v", b, err)
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
