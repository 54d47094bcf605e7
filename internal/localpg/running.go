package localpg

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Running answers the address of the server that another process runs on stateDir, if one does and answers.
// A command beside a running service works on its database this way; it must not outlive it.
func Running(ctx context.Context, stateDir string) (url string, ok bool) {
	base, err := absolute(stateDir)
	if err != nil {
		return "", false
	}
	dir, _, err := clusterDir(base)
	if err != nil {
		return "", false
	}
	s := Server{socket: filepath.Join(dir, "run")}
	if note, err := os.ReadFile(filepath.Join(dir, tmpFile)); err == nil {
		s.socket = strings.TrimSpace(string(note))
	}
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return "", false
	}
	_ = conn.Close(ctx) // it answered; that was the question
	return s.URL(), true
}
