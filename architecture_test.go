package surgecast_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms is the table of the design: which folder may import which other folders of ours. A folder's
// subpackages may import each other; a longer path beats a shorter one; "." is the root package and "*" is
// everything. One direction, no cycles: callers declare the small interfaces they need.
var rooms = map[string][]string{
	".":                 {"capacity/erlang"},
	"cmd":               {"*"},
	"ingest":            {".", "internal/csvfile"},
	"ingest/ingesttest": {".", "ingest"}, // what tests of feeds share
	"traffic":           {".", "internal/csvfile"},
	"store":             {".", "migrations"},
	"store/storetest":   {"migrations", "internal/localpg"},
	"model":             {},
	"capacity":          {".", "model"},
	"capacity/erlang":   {}, // mathematics without nouns: the root turns workers into requests by it
	"risk":              {".", "model", "capacity"},
	"engine":            {".", "model", "risk", "capacity", "internal/csvfile"},
	"review":            {".", "model", "risk", "capacity"},
	"rehearse":          {".", "capacity", "internal/jsondepth"},
	"examples":          {}, // programs to copy: they use nothing of ours
	"notify":            {"."},
	"api":               {".", "api/externalscaler", "internal/jsondepth"},
	// KEDA's contract on the wire: spoken by the api that answers and by the verifier that asks.
	"api/externalscaler": {},
	"verify":             {".", "api/externalscaler"}, // plays KEDA and the HPA against any endpoint
	"web":                {},
	"simulate":           {"."},
	"internal/localpg":   {},
	"internal/jsondepth": {},
	"internal/csvfile":   {"."}, // the one way tables of minutes are read; ingest, traffic and backtests share it
	"migrations":         {"."},
}

// technology may be used in these folders only; folders may stand for their subpackages.
var technology = map[string][]string{
	"database/sql":         {"store", "migrations"},
	"github.com/jackc/pgx": {"store", "migrations", "internal/localpg", "notify", "cmd"},
	"net/http":             {"api", "web", "notify", "ingest", "traffic", "verify", "cmd", "examples"},
	"github.com/gin-gonic": {"api"},
	"os/exec":              {"internal/localpg", "cmd"},
}

// file is one Go file that is not a test.
type file struct {
	path   string // slash-separated, from the root
	folder string
	room   string
	syntax *ast.File
	set    *token.FileSet
}

// Fails when: a line `import _ "surgecast/store"` is added to any file of model.
func TestImportsFollowTheTable(t *testing.T) {
	for _, f := range files(t) {
		if f.room == "" {
			t.Errorf("%s: folder %s is not in the design's table: give it a row there and in rooms, or find it a home", f.path, f.folder)
			continue
		}
		for _, spec := range f.syntax.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatalf("%s: %v", f.path, err)
			}
			if ours, ok := ours(name); ok {
				if !mayImport(f.room, roomOf(ours)) {
					t.Errorf("%s imports %s: %s may import %v", f.path, name, f.room, rooms[f.room])
				}
				continue
			}
			for tech, allowed := range technology {
				if (name == tech || strings.HasPrefix(name, tech+"/")) && !slices.ContainsFunc(allowed, func(a string) bool { return within(f.folder, a) }) {
					t.Errorf("%s imports %s, which only %v may", f.path, name, allowed)
				}
			}
		}
	}
}

// docs/architecture.md tells newcomers the same table.
// Fails when: the row of rehearse is taken out of docs/architecture.md.
func TestTheDocumentHasTheTable(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		imports := []string{}
		for name := range strings.SplitSeq(strings.NewReplacer("`", "", "root", ".", "everything", "*", "nothing", "").Replace(cells[3]), ",") {
			if name = strings.TrimSpace(name); name != "" {
				imports = append(imports, name)
			}
		}
		told[strings.Split(cells[1], "`")[1]] = imports
	}
	for room, imports := range rooms {
		if got, ok := told[room]; !ok || !slices.Equal(got, imports) {
			t.Errorf("docs/architecture.md says that %s may import %q, the table here %q", room, got, imports)
		}
		delete(told, room)
	}
	for room := range told {
		t.Errorf("docs/architecture.md has %s, the table here has not", room)
	}
}

// Fails when: a folder named util appears.
func TestNoPackageWithoutASubject(t *testing.T) {
	for _, f := range files(t) {
		for _, name := range []string{path.Base(f.folder), f.syntax.Name.Name} {
			switch name {
			case "util", "utils", "common", "types", "helpers", "helper", "misc", "shared", "lib":
				t.Errorf("%s: package %s: a function lives with what it serves", f.path, name)
			}
		}
	}
}

// realTime are files that may ask for the time themselves, and why.
var realTime = map[string]string{
	"api/api.go":       "the default of Config.Wall: sockets and keys age in real time whatever the data's clock says",
	"engine/engine.go": "leases are renewed in real time, by the database's clock, however fast the data's clock runs",
}

// Time is an argument, and only the wiring reads the environment.
// Fails when: a call of time.Now is added to model, or one of os.Getenv to api.
func TestTimeAndEnvironmentAreArguments(t *testing.T) {
	// Where a call may stand: the program's own wiring, what serves tests, and programs to copy.
	wiring := []string{"cmd", "store/storetest", "internal/localpg/testpg", "examples"}
	for _, f := range files(t) {
		if slices.ContainsFunc(wiring, func(w string) bool { return within(f.folder, w) }) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			call := pkg.Name + "." + sel.Sel.Name
			switch call {
			case "time.Now", "time.Since", "time.Until":
				if realTime[f.path] == "" {
					t.Errorf("%s: %s: take the time from the caller's clock", f.set.Position(n.Pos()), call)
				}
			case "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv":
				t.Errorf("%s: %s: only cmd/forecaster reads the environment", f.set.Position(n.Pos()), call)
			}
			return true
		})
	}
}

// Every room that imports others must be reachable only downwards. Fails when: rooms gets a cycle.
func TestTableHasNoCycle(t *testing.T) {
	var visit func(room string, above []string)
	visit = func(room string, above []string) {
		if slices.Contains(above, room) {
			t.Fatalf("cycle: %s", strings.Join(append(above, room), " → "))
		}
		for _, next := range rooms[room] {
			if next != "*" {
				visit(next, append(slices.Clone(above), room))
			}
		}
	}
	for room := range rooms {
		visit(room, nil)
	}
}

// files parses every Go file of the module that is not a test, whatever its build constraints.
func files(t *testing.T) []file {
	t.Helper()
	var list []file
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			base := path.Base(name)
			// tools is a module of its own; the rest holds no code of ours.
			if name == "tools" || name == "state" || base == "node_modules" || base == "testdata" || name != "." && strings.HasPrefix(base, ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		syntax, err := parser.ParseFile(set, filepath.FromSlash(name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := path.Dir(name)
		list = append(list, file{path: name, folder: folder, room: roomOf(folder), syntax: syntax, set: set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 5 {
		t.Fatalf("only %d Go files found: is this the module's root?", len(list))
	}
	return list
}

// ours tells the folder of an import of this module.
func ours(name string) (folder string, ok bool) {
	if name == "surgecast" {
		return ".", true
	}
	return strings.CutPrefix(name, "surgecast/")
}

// roomOf is the longest row of the table that folder lies in, "" when there is none.
func roomOf(folder string) string {
	if folder == "." {
		return "."
	}
	for f := folder; f != "."; f = path.Dir(f) {
		if _, ok := rooms[f]; ok {
			return f
		}
	}
	return ""
}

func within(folder, room string) bool { return folder == room || strings.HasPrefix(folder, room+"/") }

func mayImport(from, to string) bool {
	return from == to || slices.Contains(rooms[from], "*") || slices.Contains(rooms[from], to)
}
