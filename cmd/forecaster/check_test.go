package main

import (
	"strings"
	"testing"
	"time"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// What a person asks first: a topic just made has no answer yet, and says so with the code for it; nobody is told that
// it is being counted while nothing counts.
// Fails when: engine.Check asks no leases; checkText or checkServer is not called.
func TestCheckOnTheTerminal(t *testing.T) {
	url := storetest.URL(t)
	env := []string{"SURGECAST_DATABASE_URL=" + url}
	run := terminal(t, env)
	run(0, "site", "add", "demo", "--units", "6", "--rpm-per-unit", "200")
	run(0, "topic", "add", "touchpad", "--any", "touchpad,hp touchpad,#touchpad", "--not", "laptop touchpad")
	if out := run(30, "check", "touchpad", "--site", "demo"); !strings.Contains(out, "Nothing is counting: start forecaster serve.") {
		t.Errorf("no service runs:\n%s", out)
	}
	st, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	hold := func(name string) {
		if _, mine, err := st.AcquireLease(t.Context(), name, "test", time.Minute); err != nil || !mine {
			t.Fatal(mine, err)
		}
	}
	hold("engine-alive/test")
	if out := run(30, "check", "touchpad", "--site", "demo"); !strings.Contains(out, "Nothing is counting: the service reads no feed.") {
		t.Errorf("a service that reads no feed:\n%s", out)
	}
	hold(surgecast.SourceLeases + "bluesky")
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
	run(2, "check", "touch\x01pad", "--site", "demo")
	run(2, "check", strings.Repeat("é", 501), "--site", "demo")
	run(30, "check", strings.Repeat("é", 500), "--site", "demo")
	run(1, "check", "touchpad", "--site", "demo", "--server", "http://127.0.0.1:1")
	for _, address := range []string{"127.0.0.1:9", "localhost:8080", "ftp://x", "http://", "http://:8080"} {
		if out := run(2, "check", "touchpad", "--site", "demo", "--server", address); !strings.Contains(out, "Write http:// or https://") {
			t.Errorf("--server %s:\n%s", address, out)
		}
	}
}
