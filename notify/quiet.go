package notify

import (
	"context"
	"log/slog"
)

// quiet passes on what a library warns of and keeps its running commentary: the queue counts its jobs
// aloud every few seconds.
type quiet struct{ slog.Handler }

// Enabled reports whether a record of this level is worth a line.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}

// WithAttrs keeps quiet around the handler with attributes.
func (q quiet) WithAttrs(as []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(as)} }

// WithGroup keeps quiet around the handler with a group.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
