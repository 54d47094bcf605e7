package store_test

import (
	"errors"
	"strings"
	"testing"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

func TestOpenChecksTheSchema(t *testing.T) {
	s, err := store.Open(t.Context(), storetest.URL(t), store.Options{MaxConns: 3})
	ok(t, err)
	ok(t, s.Ping(t.Context()))
	have, want, err := s.SchemaVersion(t.Context())
	if err != nil || have != want {
		t.Errorf("SchemaVersion = %d, %d, %v, want equal", have, want, err)
	}
	// A paused process must not keep its locks: see Options.IdleInTx.
	if got := ask[string](t, s.Pool(), `SHOW idle_in_transaction_session_timeout`); got != "10s" {
		t.Errorf("idle_in_transaction_session_timeout = %s, want 10s", got)
	}
	change(t, s.Pool(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	s.Close()

	_, err = store.Open(t.Context(), storetest.URL(t), store.Options{})
	if !errors.Is(err, surgecast.ErrSchemaNew) {
		t.Errorf("opening a newer database = %v, want ErrSchemaNew", err)
	}
	empty := storetest.EmptyURL(t)
	_, err = store.Open(t.Context(), empty, store.Options{})
	if !errors.Is(err, surgecast.ErrSchemaOld) || !strings.Contains(err.Error(), "forecaster migrate up") {
		t.Errorf("opening an empty database = %v, want ErrSchemaOld with its remedy", err)
	}
	s, err = store.Open(t.Context(), empty, store.Options{SkipSchemaCheck: true})
	ok(t, err)
	s.Close()
}
