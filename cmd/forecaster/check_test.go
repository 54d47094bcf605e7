package main

import (
	"strings"
	"testing"

	"surgecast/store/storetest"
)

// What a person asks first: a topic just made has no answer yet, and says so with the code for it.
func TestCheckOnTheTerminal(t *testing.T) {
	url := storetest.URL(t)
	env := []string{"SURGECAST_DATABASE_URL=" + url}
	run := terminal(t, env)
	run(0, "site", "add", "demo", "--units", "6", "--rpm-per-unit", "200")
	run(0, "topic", "add", "touchpad", "--any", "touchpad,hp touchpad,#touchpad", "--not", "laptop touchpad")
	out := run(30, "check", "touchpad", "--site", "demo")
	for _, want := range []string{"Cannot tell yet.\n", "Counting since ", "first answer at about "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	// Any of its terms is the topic too; anything else is nobody's.
	if out := run(30, "check", "#TouchPad, hp touchpad", "--site", "demo"); !strings.Contains(out, "Counting since") {
		t.Errorf("its terms are not the topic:\n%s", out)
	}
	if out := run(30, "check", "soup", "--site", "demo"); !strings.Contains(out, "Nobody counts this topic here") || !strings.Contains(out, "forecaster topic add") {
		t.Errorf("a topic nobody counts:\n%s", out)
	}
	run(2, "check", "touchpad", "--site", "nowhere")
	run(2, "check", " , ", "--site", "demo")
	run(2, "check", "touchpad")
	run(1, "check", "touchpad", "--site", "demo", "--server", "http://127.0.0.1:1")
}
