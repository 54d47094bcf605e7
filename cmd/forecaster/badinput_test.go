package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
	"surgecast/store/storetest"
)

// untouched fails if dir exists: what was refused at once must not have begun.
func untouched(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Lstat(dir); err == nil {
		t.Errorf("%s was made although nothing was to be done", dir)
	}
}

// content is how many rows every table of the database holds, but for what a service that runs keeps writing:
// who leads, who holds which lease.
func content(t *testing.T, url string) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, _ := conn.Query(ctx, `
		SELECT format('%s %s', c.oid::regclass, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', c.oid::regclass), false, true, '')))[1])
		FROM pg_class c WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace IN ('public'::regnamespace, to_regnamespace('river'))
		AND relname NOT IN ('lease', 'compaction', 'river_leader', 'river_queue', 'river_notification') ORDER BY 1`)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// manyRows is a file of good rows with one bad row in the middle, on line bad.
func manyRows(header, good, wrong string, bad int) string {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var b strings.Builder
	b.WriteString(header + "\n")
	for line := 2; line <= 2*bad; line++ {
		row := good
		if line == bad {
			row = wrong
		}
		fmt.Fprintf(&b, row+"\n", at.Add(time.Duration(line)*time.Minute).Format(time.RFC3339))
	}
	return b.String()
}

// Whatever is wrong with a file or an argument is named with its place and a remedy, and nothing is written.
// Fails when: importMentionsCmd makes topics before it has looked for the site; csvfile skips bad rows;
// FieldError loses its line; unknownSite offers to make a site without a name.
func TestBadFilesAndArguments(t *testing.T) {
	url := storetest.URL(t)
	db := "--database-url=" + url
	state := "--state-dir=" + filepath.Join(place(t), "s")
	want(t, 0, []string{"added site shop"}, "site", "add", "shop", "--units", "6", "--rpm-per-unit", "300", db, state)
	want(t, 0, []string{"watching topic known"}, "topic", "add", "known", "--any", "known", db, state)
	before := content(t, url)

	badTraffic := write(t, "bad.csv", manyRows("minute,requests", "%s,5", "%s,seven", 500))
	futureTraffic := write(t, "future.csv", "minute,requests\n2026-03-01T00:00:00Z,5\n2099-01-01T00:00:00Z,5\n")
	twice := write(t, "twice.csv", "minute,requests\n2026-03-01T00:00:00Z,5\n2026-03-01T00:00:30Z,6\n")
	hours := write(t, "hours.csv", "minute,requests\n2026-03-01T00:00:00Z,5\n2026-03-01T01:00:00Z,6\n2026-03-01T02:00:00Z,6\n")
	goodTraffic := write(t, "good.csv", manyRows("minute,requests", "%s,5", "%s,6", 50))
	badMentions := write(t, "badm.csv", manyRows("minute,topic,source,count", "%s,known,forum,5", "%s,known,forum,-5", 500))
	futureMentions := write(t, "futurem.csv", "minute,topic,source,count\n2026-03-01T00:00:00Z,known,forum,5\n2099-01-01T00:00:00Z,known,forum,5\n")
	goodMentions := write(t, "goodm.csv", "minute,topic,source,count\n2026-03-01T00:00:00Z,known,forum,5\n2026-03-01T00:00:00Z,fresh,forum,5\n")
	site := func(name, old, new string) string {
		f := writeRecording(t, t.TempDir(), nil)
		text, err := os.ReadFile(f.site)
		if err != nil || !strings.Contains(string(text), old) {
			t.Fatal(err, old)
		}
		return write(t, name, strings.Replace(string(text), old, new, 1))
	}
	unknownKey := site("unknown.yaml", "max_units:", "max_replicas:")
	badTopic := site("topic.yaml", "replay:", "topics:\n  - topic: Not A Slug\nreplay:")
	emptyTopic := site("terms.yaml", "replay:", "topics:\n  - topic: smile\n    any: [\"?!\"]\nreplay:")
	badValue := site("value.yaml", "units: 6", "units: six")
	badZone := site("zone.yaml", "time_zone: UTC", "time_zone: Mars/Olympus")
	good := site("good.yaml", "units: 6", "units: 6")
	listen := "--listen=" + freeAddress(t)

	for _, c := range []struct {
		code  int
		words []string
		args  []string
	}{
		{2, []string{badTraffic, "line 500", "requests", "seven", "Write digits"}, []string{"import", "traffic", badTraffic, "--site", "shop"}},
		{2, []string{"line 3", "minute", "2099", "future", "time zone"}, []string{"import", "traffic", futureTraffic, "--site", "shop"}},
		{2, []string{"line 3", "line 2", "Keep one"}, []string{"import", "traffic", twice, "--site", "shop"}},
		{2, []string{hours, "line 3", "1 hour", "counts a minute"}, []string{"import", "traffic", hours, "--site", "shop"}},
		{2, []string{hours, "line 3", "1 hour", "counts a minute"}, []string{"replay", "--traffic", hours, "--site", good, listen}},
		{2, []string{"nosuch", "no such site", "forecaster site list"}, []string{"import", "traffic", goodTraffic, "--site", "nosuch"}},
		{2, []string{"is not a site's short name", "forecaster site add SLUG"}, []string{"import", "traffic", goodTraffic, "--site", ""}},
		{2, []string{"is not a topic's short name", "forecaster topic add SLUG"}, []string{"topic", "link", "No Slug", "shop"}},
		{2, []string{badMentions, "line 500", "count", "-5"}, []string{"import", "mentions", badMentions, "--create"}},
		{2, []string{"line 3", "future"}, []string{"import", "mentions", futureMentions}},
		{2, []string{"fresh", "not watched", "--create", "Nothing was imported"}, []string{"import", "mentions", goodMentions}},
		{2, []string{"nosuch", "forecaster site list"}, []string{"import", "mentions", goodMentions, "--create", "--site", "nosuch"}},
		{2, []string{"nosuch", "forecaster site list"}, []string{"topic", "add", "fresh", "--any", "fresh", "--site", "nosuch"}},
		{1, []string{"known", "exists", "topic remove"}, []string{"topic", "add", "known", "--any", "known"}},
		{2, []string{"nosuch", "forecaster site list"}, []string{"topic", "link", "known", "nosuch"}},
		{2, []string{"nosuch", "forecaster topic list"}, []string{"topic", "link", "nosuch", "shop"}},
		{2, []string{"nosuch", "forecaster topic list"}, []string{"topic", "remove", "nosuch", "--yes"}},
		{2, []string{"no such topic", "did you mean known?"}, []string{"topic", "delete", "knwon", "--yes"}},
		{2, []string{"no such site", "did you mean shop?"}, []string{"site", "delete", "shpo", "--yes"}},
		{2, []string{"Removing site shop cannot be undone", "Nothing was removed", "--yes"}, []string{"site", "remove", "shop"}},
		{2, []string{"Removing topic known cannot be undone", "1 revision of its terms", "Nothing was removed", "--yes"}, []string{"topic", "remove", "known"}},
		{2, []string{"nosuch", "forecaster site list"}, []string{"site", "show", "nosuch"}},
		{1, []string{"shop", "--update"}, []string{"site", "add", "shop"}},
		{2, []string{"is not a slug", "a-z"}, []string{"site", "add", "Shop!"}},
		{2, []string{unknownKey, "line 9", "max_replicas is not a key", "examples/"}, []string{"site", "add", "--file", unknownKey}},
		{2, []string{badTopic, "Not A Slug", "a-z"}, []string{"site", "add", "--file", badTopic, "--update"}},
		{2, []string{emptyTopic, "topics, entry 1", "any"}, []string{"site", "add", "--file", emptyTopic, "--update"}},
		{2, []string{badValue, "line 7", "six"}, []string{"site", "add", "--file", badValue}},
		{2, []string{badZone, "Mars/Olympus"}, []string{"site", "add", "--file", badZone}},
		{2, []string{"write", "scale", "admin", "king"}, []string{"key", "create", "--scopes", "king"}},
		{1, []string{"key_nosuch", "forecaster key list"}, []string{"key", "remove", "key_nosuch"}},
		{2, []string{"nothing to replay", "--traffic"}, []string{"replay"}},
		{2, []string{"--site"}, []string{"replay", "--traffic", goodTraffic, listen}},
		{2, []string{"line 500", "seven"}, []string{"replay", "--traffic", badTraffic, "--site", good, listen}},
		{2, []string{"line 9", "max_replicas"}, []string{"replay", "--traffic", goodTraffic, "--site", unknownKey, listen}},
		{2, []string{"nothing to forecast", "--from"}, []string{"replay", "--traffic", goodTraffic, "--site", good, listen}},
		{1, []string{"not empty", "--database-url"}, []string{"replay", "--traffic", goodTraffic, "--site", good, listen, "--from", "2026-03-01T00:10:00Z", "--to", "2026-03-01T00:20:00Z"}},
		{2, []string{"--roles", "engine"}, []string{"serve", "--roles", "cook", listen}},
		{2, []string{"--webhook-allow"}, []string{"serve", "--webhook-allow", "somewhere", listen, "--metrics="}},
		{1, []string{"key create"}, []string{"serve", "--listen", "0.0.0.0:0", "--metrics="}},
	} {
		want(t, c.code, c.words, append(c.args, db, state)...)
	}
	if after := content(t, url); after != before {
		t.Errorf("something was left half done. Before:\n%s\nafter:\n%s", before, after)
	}
	want(t, 2, []string{"unknown flag --nosuch", "forecaster serve --help"}, "serve", "--nosuch")
	want(t, 2, []string{"frobnicate", "forecaster --help"}, "frobnicate")
	want(t, 2, []string{"log-level"}, "version", "--log-level", "loud")
	want(t, 2, []string{"no such file"}, "import", "traffic", "/nonexistent.csv", "--site", "shop")

	// The same files, put right, go in.
	want(t, 0, []string{"imported"}, "import", "traffic", goodTraffic, "--site", "shop", db, state)
	want(t, 0, []string{"imported 2 buckets of 2 topics"}, "import", "mentions", goodMentions, "--create", "--site", "shop", db, state)
}

// Fails when: migrations.Up goes on although the database is ahead.
func TestDatabaseOfNewerVersion(t *testing.T) {
	url := storetest.URL(t)
	if _, err := storetest.New(t).Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)"); err != nil {
		t.Fatal(err)
	}
	before := content(t, url)
	file := write(t, "good.csv", "minute,requests\n2026-03-01T00:00:00Z,5\n")
	f := writeRecording(t, t.TempDir(), record(1)[:60])
	for _, args := range [][]string{
		{"serve", "--metrics=", "--listen", freeAddress(t)},
		{"serve", "--metrics=", "--listen", freeAddress(t), "--migrate"},
		{"migrate", "up"},
		{"site", "list"},
		{"import", "traffic", file, "--site", "shop"},
		{"replay", "--traffic", f.traffic, "--site", f.site, "--from", recordingStart.Add(10 * time.Minute).Format(time.RFC3339), "--to", recordingStart.Add(20 * time.Minute).Format(time.RFC3339), "--listen", freeAddress(t)},
	} {
		want(t, 1, []string{"newer", "9999", "run the newer release"}, append(args, "--database-url", url, "--state-dir", filepath.Join(place(t), "s"))...)
	}
	if after := content(t, url); after != before {
		t.Errorf("a database of a newer version was changed. Before:\n%s\nafter:\n%s", before, after)
	}
}

// Fails when: unreachable returns err unchanged; localpg searches elsewhere although --pg-bin is given.
func TestNoDatabase(t *testing.T) {
	nobody := "postgres://surgecast:geheim@" + freeAddress(t) + "/surgecast"
	for _, args := range [][]string{{"serve", "--metrics=", "--listen", freeAddress(t)}, {"site", "list"}, {"migrate", "status"}, {"migrate", "up"}} {
		dir := filepath.Join(place(t), "s")
		code, _, said := forecaster(t, []string{"SURGECAST_DATABASE_URL=" + nobody}, append(args, "--state-dir", dir)...)
		if code != 1 || !strings.Contains(said, "refused") || !strings.Contains(said, "SURGECAST_DATABASE_URL") {
			t.Errorf("%v without a server: %d, %s", args, code, said)
		}
		if strings.Contains(said, "geheim") {
			t.Errorf("%v tells the password: %s", args, said)
		}
		untouched(t, dir)

		dir = stateDir(t)
		code, _, said = forecaster(t, []string{"PATH="}, append(args, "--state-dir", dir, "--pg-bin", t.TempDir())...)
		if code != 1 || !strings.Contains(said, "no PostgreSQL programs") || !strings.Contains(said, "apt-get install postgresql") || !strings.Contains(said, "SURGECAST_DATABASE_URL") {
			t.Errorf("%v without PostgreSQL: %d, %s", args, code, said)
		}
		if _, err := os.Stat(filepath.Join(dir, "postgres", "data")); err == nil {
			t.Errorf("%v without PostgreSQL left a data directory", args)
		}
	}
	want(t, 2, []string{"postgres://USER"}, "site", "list", "--database-url", "mysql://127.0.0.1/x")
}

// Fails when: a verb opens its listener after the database.
func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	f := writeRecording(t, t.TempDir(), record(1)[:60])
	for _, args := range [][]string{
		{"serve", "--metrics=", "--listen", address},
		{"replay", "--traffic", f.traffic, "--site", f.site, "--listen", address},
	} {
		dir := filepath.Join(place(t), "s")
		want(t, 1, []string{address, "in use", "--listen"}, append(args, "--state-dir", dir)...)
		untouched(t, dir)
	}
	dir := filepath.Join(place(t), "s")
	want(t, 1, []string{address, "in use", "--metrics"}, "serve", "--state-dir", dir, "--listen", freeAddress(t), "--metrics", address)
	untouched(t, dir)
}

// A disk that is full when the cluster is made, and one that fills up under an import. Once there is room
// again, everything goes on where it was.
// Fails when: importTrafficCmd writes in several transactions; initdb leaves a half-made cluster behind.
func TestFullDisk(t *testing.T) {
	mount := func(size string) string {
		dir := place(t)
		if err := mountTmpfs(dir, size); err != nil {
			t.Skipf("a small file system cannot be mounted here (root may): %v", err)
		}
		t.Cleanup(func() { unmount(t, dir) })
		return dir
	}
	small := mount("16m")
	for range 2 {
		want(t, 1, []string{"no space left", "free some"}, "site", "list", "--state-dir", filepath.Join(small, "s"))
	}

	disk := mount("220m")
	state := "--state-dir=" + filepath.Join(disk, "s")
	want(t, 0, nil, "site", "add", "shop", "--units", "6", "--rpm-per-unit", "300", state)
	want(t, 0, []string{"imported 9"}, "import", "traffic", write(t, "few.csv", manyRows("minute,requests", "%s,5", "%s,6", 5)), "--site", "shop", state)
	rows := func() (n int) {
		db := openState(t, filepath.Join(disk, "s"), "")
		if err := db.Pool().QueryRow(t.Context(), "SELECT count(*) FROM traffic_minute").Scan(&n); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		return n
	}
	var many strings.Builder
	many.WriteString("minute,segment,requests\n")
	for segment := range surgecast.MaxSegments {
		for minute := range 150_000 / surgecast.MaxSegments {
			fmt.Fprintf(&many, "%s,s%d,%d\n", time.Date(2026, 2, 1, 0, minute, 0, 0, time.UTC).Format(time.RFC3339), segment, minute%700)
		}
	}
	file := write(t, "many.csv", many.String())
	ballast := filepath.Join(disk, "ballast")
	fill(t, disk, ballast, 8<<20)
	want(t, 1, []string{file, "No space left", "nothing was imported", "free some space"}, "import", "traffic", file, "--site", "shop", state)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if n := rows(); n != 9 {
		t.Errorf("%d minutes after an import that found no room, want the 9 from before", n)
	}
	want(t, 0, []string{" 0 changed"}, "import", "traffic", file, "--site", "shop", state)
	if n := rows(); n != 9+150_000/surgecast.MaxSegments*surgecast.MaxSegments {
		t.Errorf("%d minutes after the disk had room again", n)
	}
}

// fill leaves about left bytes free.
func fill(t *testing.T, dir, ballast string, left uint64) {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	free := st.Bavail * uint64(st.Bsize)
	if free <= left {
		return
	}
	if err := os.WriteFile(ballast, slices.Repeat([]byte{1}, int(free-left)), 0o600); err != nil {
		t.Fatal(err)
	}
}
