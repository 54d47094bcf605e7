package csvfile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"

	"surgecast"
)

// A packed file that is cut off or bent is a mistake in the input like any other: it has a field, a line and a
// remedy.
//
// Fails when: Reader.err returns fmt.Errorf for a damaged file, or forgets flate.CorruptInputError.
func TestDamagedFilesAreNamed(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for i := range 5000 {
		fmt.Fprintf(z, "%d,%d\n", i*7919%1009, i)
	}
	_ = z.Close()
	whole := b.Bytes()
	bent := bytes.Clone(whole)
	for i := range 16 {
		bent[len(bent)/2+i] ^= 0xff
	}
	for name, damaged := range map[string][]byte{"cut off": whole[:len(whole)/2], "bent": bent} {
		r, err := NewReader(bytes.NewReader(append(pack("a,b\n"), damaged...)), "a", "b")
		if err != nil {
			t.Fatal(name, err)
		}
		for r.Next() {
		}
		var f *surgecast.FieldError
		if err := r.Err(); !errors.As(err, &f) || f.Line < 2 || !strings.Contains(f.Detail, "damaged") || f.Remedy == "" {
			t.Errorf("%s: %v, want what is damaged, from which line, and what to do", name, err)
		}
	}
}

func pack(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

// Fails when: Recorded asks for a zone, or for 1990 or later.
func TestRecordedTimes(t *testing.T) {
	for text, want := range map[string]int64{
		"1970-01-01T00:00:00Z": 0, "1970-01-01 00:01": 60, "1998-04-30T21:30:00+02:00": 893964600, "893964600": 893964600,
	} {
		if got, err := Recorded(text, "origin", 2); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "893964600000", "0098-04-30T21:30:00Z"} {
		var f *surgecast.FieldError
		if got, err := Recorded(text, "origin", 2); !errors.As(err, &f) || f.Line != 2 || f.Field != "origin" || f.Remedy == "" {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}
