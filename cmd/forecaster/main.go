// Command forecaster is Surgecast: it counts what the social web says, forecasts the traffic it will
// bring to a site, and says in time what to do.
//
// This package ties the knot: it reads the command line, the environment and files, opens the
// database, and hands each part what it asks for. Nothing else reads the environment.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5/pgconn"

	"surgecast"
)

// version is set by the linker.
var version = "dev"

// Exit codes of DESIGN 7.
const (
	exitFailure  = 1
	exitWrongUse = 2
)

type cli struct {
	Global

	Demo     demoCmd     `cmd:"" help:"Play a simulated surge at high speed, with the dashboard on :8080. Nothing to configure."`
	Serve    serveCmd    `cmd:"" help:"Run the service: API, dashboard, engine and webhooks."`
	Replay   replayCmd   `cmd:"" help:"Play recorded minutes through the production path and report forecasts against what came."`
	Check    checkCmd    `cmd:"" help:"Ask what a topic does to a site: a verdict in a sentence. Exit 0 calm, 10 watch, 20 alert, 30 cannot tell."`
	Backtest backtestCmd `cmd:"" help:"Forecast a CSV of series at given origins, for scoring."`
	Import   importCmd   `cmd:"" help:"Import recorded mentions or traffic from CSV, all or nothing."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the database schema up to date, or show where it stands."`
	Site     siteCmd     `cmd:"" help:"Add, list, show and remove sites."`
	Topic    topicCmd    `cmd:"" help:"Add, list, show, link and remove topics."`
	Event    eventCmd    `cmd:"" help:"Plan, list and remove events that will bring visits: newsletters, sales, on-sales."`
	Rehearse rehearseCmd `cmd:"" help:"Load tests: write the forecast as one, import what one measured."`
	Key      keyCmd      `cmd:"" help:"Create, list and remove API keys."`
	Verify   verifyCmd   `cmd:"" name:"verify-scaler" help:"Play KEDA and the HPA against a scaler endpoint and say which rules it keeps."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// Global are the settings every verb shares.
type Global struct {
	DatabaseURL string `name:"database-url" env:"SURGECAST_DATABASE_URL" placeholder:"URL" help:"PostgreSQL 15 or newer. Without it a private PostgreSQL is started in the state directory."`
	StateDir    string `name:"state-dir" env:"SURGECAST_STATE_DIR" default:"state" help:"Where the private PostgreSQL and the key file live."`
	PGBin       string `name:"pg-bin" env:"SURGECAST_PG_BIN" placeholder:"DIR" help:"Directory of initdb and postgres for the private PostgreSQL. Default: found by itself."`
	LogLevel    string `name:"log-level" env:"SURGECAST_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"debug, info, warn or error."`
	LogFormat   string `name:"log-format" env:"SURGECAST_LOG_FORMAT" enum:"text,json" default:"text" help:"text or json."`

	Config kong.ConfigFlag `name:"config" env:"SURGECAST_CONFIG" placeholder:"FILE" help:"JSON file with any of these settings; flags and environment win."`

	in     io.Reader // answers to questions, which are only asked on a terminal
	out    io.Writer // results
	errOut io.Writer // logs and progress
	log    *slog.Logger
}

func main() {
	ctx, out, errOut := whileRead(untilSignal())
	os.Exit(run(ctx, os.Args[1:], out, errOut))
}

// diskFull is PostgreSQL's code for it.
const diskFull = "53100"

// errUsage marks a mistake in how the program was called (exit code 2).
type errUsage struct{ error }

func (e errUsage) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return errUsage{fmt.Errorf(format, args...)} }

// run is main without the process: tests call it.
func run(ctx context.Context, args []string, out, errOut io.Writer) (code int) {
	var c cli
	exited := -1
	k, err := kong.New(&c,
		kong.Name("forecaster"),
		kong.Description(description),
		kong.UsageOnError(),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Configuration(kong.JSON),
		kong.TypeMapper(reflect.TypeFor[time.Time](), kong.MapperFunc(timeFlag)),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		fmt.Fprintln(errOut, "forecaster:", err)
		return exitFailure
	}
	if verb(k, args) == "backtest " {
		hideDatabase(k)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := k.Parse(joined(args))
	if exited >= 0 { // --help and friends
		return exited
	}
	if err != nil {
		fmt.Fprintf(errOut, "forecaster: %s\nSee: forecaster %s--help\n", parseTrouble(err), verb(k, args))
		return exitWrongUse
	}
	c.in, c.out, c.errOut = os.Stdin, out, errOut
	c.log = newLogger(errOut, c.LogLevel, c.LogFormat)
	kctx.Bind(&c.Global)
	err = kctx.Run()
	switch {
	case errors.Is(context.Cause(ctx), errNobodyReads):
		return exitNobodyReads
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return interrupted(ctx, kctx.Command(), err, errOut)
	default:
		var answer errExit
		if errors.As(err, &answer) {
			return answer.code
		}
		fmt.Fprintln(errOut, "forecaster:", err)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == diskFull {
			fmt.Fprintln(errOut, "The database's disk is full: free some space there, then run the same command again.")
		}
		var u errUsage
		var f *surgecast.FieldError
		if errors.As(err, &u) || errors.As(err, &f) {
			return exitWrongUse
		}
		return exitFailure
	}
}

const description = `Surgecast forecasts social-signal surges: it counts what people say, forecasts the visits that will
follow, and says how likely a site is to be overwhelmed, how many units it needs and by when someone must act.

Start with:   forecaster demo
Then:         forecaster serve     forecaster site add --help     forecaster topic add --help`

// verb is the command the arguments name, if there is such a one.
func verb(k *kong.Kong, args []string) string {
	said := ""
	for node := k.Model.Node; len(args) > 0; args = args[1:] {
		i := slices.IndexFunc(node.Children, func(c *kong.Node) bool { return c.Type == kong.CommandNode && c.Name == args[0] })
		if i < 0 {
			break
		}
		node, said = node.Children[i], said+args[0]+" "
	}
	return said
}

// hideDatabase leaves the settings of the database out of the help of a verb that has none.
func hideDatabase(k *kong.Kong) {
	for _, f := range k.Model.Flags {
		if slices.Contains([]string{"database-url", "state-dir", "pg-bin"}, f.Name) {
			f.Hidden = true
		}
	}
}

func newLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // the enum has checked it
	opts := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

type versionCmd struct{}

func (versionCmd) Run(g *Global) error {
	_, err := fmt.Fprintln(g.out, "forecaster", version)
	return err
}
