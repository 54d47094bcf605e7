package web

import "testing"

func TestDistHasAnIndexOrNothing(t *testing.T) {
	files, built := Dist()
	if !built {
		if files != nil {
			t.Error("no build, and yet files")
		}
		return // both answers are right; which one depends on whether Node has been here
	}
	if _, err := files.Open("index.html"); err != nil {
		t.Errorf("a build without its page: %v", err)
	}
}
