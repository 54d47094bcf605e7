package notify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"surgecast"
)

// memory is a store of one test that needs no database, with the promises the real one gives.
type memory struct {
	mu         sync.Mutex
	deliveries map[string]surgecast.Delivery
	webhooks   map[string]surgecast.Webhook
	attempts   []surgecast.DeliveryAttempt
	leases     map[string]surgecast.Lease
	frozen     bool
	broken     error        // RecordAttempt answers it once
	leased     func(string) // called when a lease is taken
}

func newMemory() *memory {
	return &memory{deliveries: map[string]surgecast.Delivery{}, webhooks: map[string]surgecast.Webhook{}, leases: map[string]surgecast.Lease{}}
}

func (m *memory) Delivery(_ context.Context, id string) (surgecast.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.deliveries[id]
	if !ok {
		return d, fmt.Errorf("delivery %s: %w", id, surgecast.ErrNotFound)
	}
	return d, nil
}

func (m *memory) WebhookByID(_ context.Context, account int64, id string) (surgecast.Webhook, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, ok := m.webhooks[id]
	if !ok || w.AccountID != account {
		return w, fmt.Errorf("webhook %s: %w", id, surgecast.ErrNotFound)
	}
	return w, nil
}

func (m *memory) RecordAttempt(_ context.Context, a surgecast.DeliveryAttempt, status surgecast.DeliveryStatus, doneAt time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		err := m.broken
		m.broken = nil
		return err
	}
	d := m.deliveries[a.DeliveryID]
	d.Attempts = a.Number
	if d.Status == surgecast.DeliveryPending {
		d.Status, d.DoneAt = status, doneAt
	}
	m.deliveries[d.ID] = d
	m.attempts = append(m.attempts, a)
	return nil
}

func (m *memory) DisableWebhook(_ context.Context, id, why string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.webhooks[id]
	w.DisabledAt, w.DisabledWhy = at, why
	m.webhooks[id] = w
	return nil
}

func (m *memory) DisableFailingWebhook(ctx context.Context, id, why string, at, since time.Time) (bool, error) {
	m.mu.Lock()
	failing := false
	for _, d := range m.deliveries {
		if d.WebhookID == id && d.Status == surgecast.DeliveryDelivered {
			m.mu.Unlock()
			return false, nil
		}
		failing = failing || d.WebhookID == id && d.Attempts > 0 && !d.CreatedAt.After(since)
	}
	m.mu.Unlock()
	if !failing {
		return false, nil
	}
	return true, m.DisableWebhook(ctx, id, why, at)
}

func (m *memory) Frozen(context.Context, int64) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.frozen, nil
}

func (m *memory) DropOldSecrets(context.Context, time.Time) (int, error) { return 0, nil }

func (m *memory) PendingDeliveries(context.Context) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, d := range m.deliveries {
		if d.Status == surgecast.DeliveryPending && d.Attempts == 0 {
			n++
		}
	}
	return n, nil
}

func (m *memory) AcquireLease(_ context.Context, name, holder string, ttl time.Duration) (surgecast.Lease, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ttl <= 0 {
		return surgecast.Lease{}, false, errors.New("a lease without an end")
	}
	if l, held := m.leases[name]; held && l.Holder != holder {
		return surgecast.Lease{}, false, nil
	}
	l := surgecast.Lease{Name: name, Holder: holder, Epoch: 1}
	m.leases[name] = l
	if m.leased != nil {
		leased := m.leased
		m.mu.Unlock()
		leased(name)
		m.mu.Lock()
	}
	return l, true, nil
}

func (m *memory) ReleaseLeases(_ context.Context, leases []surgecast.Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range leases {
		delete(m.leases, l.Name)
	}
	return nil
}

func (m *memory) RequeueAbandoned(context.Context, string) (int, error) {
	return 0, nil // jobs are the database's
}

func (m *memory) get(id string) surgecast.Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.deliveries[id]
}

func (m *memory) put(d surgecast.Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deliveries[d.ID] = d
}

func (m *memory) log(id string) []surgecast.DeliveryAttempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.attempts), func(a surgecast.DeliveryAttempt) bool { return a.DeliveryID != id })
}

// lapse ends a lease as time would.
func (m *memory) lapse(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.leases, name)
}
