package jsondepth

import "testing"

// Brackets count outside of texts only. Fails when: the case of quoted leaves Of.
func TestOf(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int
	}{
		{`1`, 0}, {`[]`, 1}, {`[{"a":[1]}]`, 3}, {`{"a":"[[[["}`, 1}, {`{"a":"\"[[["}`, 1}, {`{"a":"\\"}` + "\n" + `{"b":[1]}`, 2}, {`]]]`, 0}, {"", 0},
	} {
		if got := Of([]byte(c.in)); got != c.want {
			t.Errorf("Of(%s) = %d, want %d", c.in, got, c.want)
		}
	}
}
