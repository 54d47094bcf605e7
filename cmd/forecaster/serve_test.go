package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"surgecast/internal/localpg"
	"surgecast/store/storetest"
)

// problem is an error of the API.
type problem struct {
	Status                      int
	Code, Detail, Field, Remedy string
	Reference                   string
	Errors                      []struct {
		Row           int
		Field, Remedy string
	}
}

// refused fails unless the answer is a problem with the status, the code and a remedy.
func refused(t *testing.T, a answer, status int, code string) (p problem) {
	t.Helper()
	if a.status != status || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		t.Errorf("answer %d %s %s, want problem %d %s", a.status, a.header.Get("Content-Type"), a.body, status, code)
		return p
	}
	a.into(t, &p)
	if p.Code != code || p.Detail == "" || p.Reference == "" || p.Remedy == "" && (len(p.Errors) == 0 || p.Errors[0].Remedy == "") {
		t.Errorf("problem without code %s, detail, remedy or reference: %s", code, a.body)
	}
	return p
}

// minutesUntil are n rows of traffic, the last one of the last minute that is over.
func minutesUntil(now time.Time, n int) []map[string]any {
	var rows []map[string]any
	for i := n; i > 0; i-- {
		at := now.UTC().Truncate(time.Minute).Add(-time.Duration(i) * time.Minute)
		rows = append(rows, map[string]any{"minute": at.Format(time.RFC3339), "requests": 600 + math.Round(50*math.Sin(float64(i)))})
	}
	return rows
}

// forecastOrigin is the origin of the newest forecast, zero when there is none.
func forecastOrigin(t *testing.T, url, key string) time.Time {
	var f struct{ Origin *time.Time }
	if a := ask(t, "GET", url+"/v1/sites/shop/forecast", key, nil); a.status == 200 {
		a.into(t, &f)
	}
	if f.Origin == nil {
		return time.Time{}
	}
	return *f.Origin
}

// The commands of the first day: schema, site, topic, keys; then minutes of now through the API, and a forecast.
// Commands run beside the service. A wrong key, a key of too little, an unknown site, a future minute are
// refused in words, and nothing of them is stored.
// Fails when: serve ignores --require-key; keyCreateCmd stores another hash than the key's; the engine is not run.
func TestServe(t *testing.T) {
	url := storetest.EmptyURL(t)
	db, state := "--database-url="+url, "--state-dir="+filepath.Join(place(t), "s")
	run := func(words []string, args ...string) string {
		t.Helper()
		return want(t, 0, words, append(args, db, state)...)
	}
	address := freeAddress(t)
	base := "http://" + address
	want(t, 1, []string{"migrate up", "--migrate"}, "serve", db, state, "--listen", address, "--metrics=")
	run([]string{"pending", "forecaster migrate up"}, "migrate", "status")
	run([]string{"up to date"}, "migrate", "up")
	if s := run([]string{"applied", "river/"}, "migrate", "status"); strings.Contains(s, "pending") || strings.Contains(s, "0001-") {
		t.Errorf("after migrate up:\n%s", s)
	}
	run([]string{"added site shop", "1800"}, "site", "add", "shop", "--units", "6", "--rpm-per-unit", "300", "--mode", "act", "--min-units", "2")
	run([]string{"changed site shop"}, "site", "add", "shop", "--units", "6", "--rpm-per-unit", "300", "--mode", "act", "--min-units", "3", "--update")
	run([]string{"SITE", "shop", "1800"}, "site", "list")
	run([]string{"shop", "mode act", "min 3, no maximum"}, "site", "show", "shop")
	run([]string{"watching topic lamp"}, "topic", "add", "lamp", "--any", "lamp,#lamp", "--not", "lamp post")
	run([]string{"lamp feeds site shop"}, "topic", "link", "lamp", "shop")
	run([]string{"lamp", "#lamp", "lamp post"}, "topic", "list")

	p := start(t, nil, "serve", db, state, "--listen", address, "--metrics=", "--require-key")
	p.until("the service", func() bool { return ask(t, "GET", base+"/readyz", "", nil).status == 200 })
	key := func(args ...string) string {
		out := run([]string{"only time it is shown"}, append([]string{"key", "create"}, args...)...)
		return strings.TrimSpace(strings.SplitN(out, "\n", 2)[0])
	}
	reader, writer := key("--name", "reader"), key("--name", "writer", "--scopes", "read,write,scale")
	if s := run([]string{"reader", "writer"}, "key", "list"); strings.Contains(s, reader) || strings.Contains(s, writer) {
		t.Errorf("key list tells keys:\n%s", s)
	}

	before := content(t, url)
	traffic := base + "/v1/sites/shop/traffic"
	refused(t, ask(t, "POST", traffic, "", minutesUntil(time.Now(), 3)), 401, "key_required")
	refused(t, ask(t, "POST", traffic, "sk_wrong", minutesUntil(time.Now(), 3)), 401, "key_not_valid")
	refused(t, ask(t, "GET", base+"/v1/sites", writer[:len(writer)-1]+"x", nil), 401, "key_not_valid")
	refused(t, ask(t, "POST", traffic, reader, minutesUntil(time.Now(), 3)), 403, "scope_missing")
	refused(t, ask(t, "POST", base+"/v1/sites/nosuch/traffic", writer, minutesUntil(time.Now(), 3)), 404, "not_found")
	rows := minutesUntil(time.Now(), 3)
	rows[1]["minute"] = time.Now().Add(time.Hour).UTC().Truncate(time.Minute).Format(time.RFC3339)
	if e := refused(t, ask(t, "POST", traffic, writer, rows), 422, "invalid_value"); len(e.Errors) == 0 || e.Errors[0].Row != 2 || e.Errors[0].Field != "minute" {
		t.Errorf("a future minute in row 2 is refused as %+v", e)
	}
	if after := content(t, url); after != before {
		t.Errorf("what was refused left something. Before:\n%s\nafter:\n%s", before, after)
	}

	if a := ask(t, "POST", traffic, writer, minutesUntil(time.Now(), 180)); a.status != 202 {
		t.Fatalf("push: %d %s", a.status, a.body)
	}
	newest := time.Now().UTC().Truncate(time.Minute).Add(-2 * time.Minute)
	p.until("a forecast of now", func() bool { return !forecastOrigin(t, base, reader).Before(newest) })
	var scale struct {
		Units int
		Stale bool
	}
	a := ask(t, "GET", base+"/v1/sites/shop/scale", writer, nil)
	a.into(t, &scale)
	if a.status != 200 || scale.Units < 3 || scale.Stale {
		t.Errorf("scale: %d %s", a.status, a.body)
	}

	id := ""
	for line := range strings.Lines(run(nil, "key", "list")) {
		if strings.Contains(line, "writer") {
			id = strings.Fields(line)[0]
		}
	}
	run([]string{"removed key"}, "key", "remove", id)
	if s := run([]string{"reader"}, "key", "list"); strings.Contains(s, "writer") {
		t.Errorf("a removed key is listed:\n%s", s)
	}

	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0\n%s", code, p.err.String())
	}
}

// postmaster is the process number of the PostgreSQL in a state directory.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(string(text), "\n", 2)[0]))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// A private PostgreSQL that is killed ends the service, with a reason and a remedy; the next start has
// everything that was committed.
// Fails when: serveCmd.serve does not watch the database.
func TestServeEndsWithItsPrivateDatabase(t *testing.T) {
	dir, address := stateDir(t), freeAddress(t)
	base := "http://" + address
	args := []string{"serve", "--state-dir", dir, "--listen", address, "--metrics="}
	want(t, 0, nil, "site", "add", "shop", "--units", "6", "--rpm-per-unit", "300", "--state-dir", dir)
	p := start(t, nil, args...)
	p.until("the service", func() bool { return ask(t, "GET", base+"/readyz", "", nil).status == 200 })
	if a := ask(t, "POST", base+"/v1/sites/shop/traffic", "", minutesUntil(time.Now(), 60)); a.status != 202 {
		t.Fatalf("push: %d %s", a.status, a.body)
	}
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != 1 {
		t.Errorf("exit code %d when PostgreSQL was killed, want 1", code)
	}
	for _, w := range []string{"forecaster: the private PostgreSQL has ended", "killed", "start again"} {
		if !strings.Contains(p.err.String(), w) {
			t.Errorf("the end is not explained with %q:\n%s", w, p.err.String())
		}
	}
	nobodyIn(t, dir)

	p = start(t, nil, args...)
	p.until("the forecast after the restart", func() bool { return !forecastOrigin(t, base, "").IsZero() })
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d after Ctrl-C, want 0\n%s", code, p.err.String())
	}
}

// A configured PostgreSQL belongs to somebody else: the service waits for it, says so, and goes on.
// Fails when: serveCmd watches it like a private one; engine.Run returns the first failed sweep.
func TestServeOutlivesItsConfiguredDatabase(t *testing.T) {
	dir := stateDir(t)
	server := func() *localpg.Server {
		s, err := localpg.Start(context.Background(), localpg.Options{StateDir: dir, Durable: true, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Stop(context.Background()) })
		return s
	}
	s := server()
	address := freeAddress(t)
	base := "http://" + address
	db, state := "--database-url="+s.URL(), "--state-dir="+filepath.Join(place(t), "s")
	want(t, 0, nil, "migrate", "up", db)
	want(t, 0, nil, "site", "add", "shop", "--units", "6", "--rpm-per-unit", "300", db, state)
	p := start(t, nil, "serve", db, state, "--listen", address, "--metrics=")
	p.until("the service", func() bool { return ask(t, "GET", base+"/readyz", "", nil).status == 200 })
	rows := minutesUntil(time.Now(), 60)
	if a := ask(t, "POST", base+"/v1/sites/shop/traffic", "", rows[:50]); a.status != 202 {
		t.Fatalf("push: %d %s", a.status, a.body)
	}
	p.until("a forecast", func() bool { return !forecastOrigin(t, base, "").IsZero() })
	was := forecastOrigin(t, base, "")

	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	p.until("the outage to be noticed", func() bool { return ask(t, "GET", base+"/readyz", "", nil).status == 503 })
	refused(t, ask(t, "POST", base+"/v1/sites/shop/traffic", "", rows[50:]), 503, "storage_unavailable")
	p.until("a sweep to fail", func() bool { return strings.Contains(p.err.String(), "sweep failed; trying again") })
	if !p.running() {
		t.Fatalf("the service ended with %d:\n%s", p.wait(), p.err.String())
	}
	s.Stop(context.Background())

	server()
	p.until("the service again", func() bool { return ask(t, "GET", base+"/readyz", "", nil).status == 200 })
	if a := ask(t, "POST", base+"/v1/sites/shop/traffic", "", rows[50:]); a.status != 202 {
		t.Fatalf("push: %d %s", a.status, a.body)
	}
	p.until("a newer forecast", func() bool { return forecastOrigin(t, base, "").After(was) })
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d after Ctrl-C, want 0\n%s", code, p.err.String())
	}
}

// Other addresses than loopback need a key, and with one they are served.
// Fails when: serve does not look at the address.
func TestServeNeedsAKeyOutsideLoopback(t *testing.T) {
	url := storetest.URL(t)
	db, state := "--database-url="+url, "--state-dir="+filepath.Join(place(t), "s")
	_, port, _ := strings.Cut(freeAddress(t), ":")
	args := []string{"serve", db, state, "--listen", "0.0.0.0:" + port, "--metrics="}
	want(t, 1, []string{"needs an API key", "forecaster key create"}, args...)
	file := filepath.Join(t.TempDir(), "key")
	want(t, 0, []string{"made key"}, "key", "create", "--scopes", "admin", "--if-none", "--out", file, db, state)
	want(t, 0, []string{"none made"}, "key", "create", "--if-none", "--out", file, db, state)
	secret, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v, want mode 0600", info.Mode(), err)
	}
	p := start(t, nil, args...)
	base := fmt.Sprintf("http://127.0.0.1:%s", port)
	p.until("the service", func() bool { return ask(t, "GET", base+"/readyz", "", nil).status == 200 })
	refused(t, ask(t, "GET", base+"/v1/sites", "", nil), 401, "key_required")
	if a := ask(t, "GET", base+"/v1/sites", strings.TrimSpace(string(secret)), nil); a.status != 200 {
		t.Errorf("with the key: %d %s", a.status, a.body)
	}
}
