package csvfile

import (
	"fmt"
	"strings"
)

// keep is how many faults are told one by one.
const keep = 20

// Faults collects what is wrong with a file: the first twenty in full, the rest as a number.
type Faults struct {
	First []error
	More  int
}

// Add notes one fault.
func (f *Faults) Add(err error) {
	if len(f.First) < keep {
		f.First = append(f.First, err)
		return
	}
	f.More++
}

// Err is nil when nothing is wrong.
func (f *Faults) Err() error {
	if len(f.First) == 0 {
		return nil
	}
	return f
}

// Error lists the faults, one a line.
func (f *Faults) Error() string {
	var b strings.Builder
	for i, err := range f.First {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(err.Error())
	}
	if f.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", f.More)
	}
	return b.String()
}

// Unwrap lets a caller find the first faults with errors.As.
func (f *Faults) Unwrap() []error { return f.First }
