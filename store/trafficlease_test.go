package store_test

import (
	"errors"
	"testing"

	"surgecast"
)

// Fails when: PutTrafficUnder does not check the lease in its transaction.
func TestStaleReaderOfTrafficWritesNothing(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	l := lease(t, s, "traffic:shop")
	must[surgecast.Written](t)(s.PutTrafficUnder(ctx, l, []surgecast.TrafficMinute{requests(1, minute(0), 100)}, minute(1)))
	takeOver(t, s, pool, "traffic:shop")
	if _, err := s.PutTrafficUnder(ctx, l, []surgecast.TrafficMinute{requests(1, minute(0), 7), requests(1, minute(1), 8)}, minute(2)); !errors.Is(err, surgecast.ErrStaleLease) {
		t.Errorf("under a lost lease: %v", err)
	}
	if n := ask[float64](t, pool, `SELECT sum(requests) FROM traffic_minute`); n != 100 {
		t.Errorf("a stale lease left %g requests, want 100", n)
	}
}
