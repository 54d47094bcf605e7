// Package notify delivers webhook messages: it works the River queue "deliver", writes each message in its
// endpoint's format (Standard Webhooks, Alertmanager, PagerDuty, Slack), signs it, posts it and writes every
// attempt to the delivery log.
//
// It promises:
//
//   - At least once. A message counts as delivered only after its attempt is written; killed in
//     between, it is sent again with the same webhook-id, which is the delivery id receivers
//     deduplicate by.
//   - An expired or superseded message is never sent. A scaling instruction that comes a day late does
//     harm, so recommendation.changed is tried only until it expires, one at a time per site and
//     endpoint, and a newer one takes the place of an older one. While all acting is frozen none is sent but
//     what a person decided; what was waiting goes on when the freeze is lifted before it expires.
//   - Nothing that is dialled lies on the inside of the network, unless the operator allowed it by
//     prefix and port: the guard sees the resolved address, so names that change their mind are covered.
//   - No secret and no URL stands in a log, a metric or an error.
//
// Who is told what is decided where messages are made (store, in the transaction of the transition);
// this package only delivers.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"surgecast"
)

// Queue is the River queue deliveries are inserted into; Schema is where River's tables live.
const (
	Queue  = "deliver"
	Schema = "river"
)

// Store is what delivering needs of the database.
type Store interface {
	Delivery(ctx context.Context, id string) (surgecast.Delivery, error)
	Frozen(ctx context.Context, account int64) (bool, error) // a person stopped all acting
	WebhookByID(ctx context.Context, account int64, id string) (surgecast.Webhook, error)
	// RecordAttempt writes the attempt and the delivery's status in one transaction. A delivery that
	// was superseded meanwhile must not become pending again.
	RecordAttempt(ctx context.Context, a surgecast.DeliveryAttempt, status surgecast.DeliveryStatus, doneAt time.Time) error
	// DisableWebhook and DisableFailingWebhook tell the account's other endpoints in the same transaction.
	DisableWebhook(ctx context.Context, id, why string, at time.Time) error
	DisableFailingWebhook(ctx context.Context, id, why string, at, since time.Time) (bool, error)
	DropOldSecrets(ctx context.Context, now time.Time) (int, error)
	PendingDeliveries(ctx context.Context) (int, error) // pending and not yet attempted once
	// AcquireLease and ReleaseLeases keep scaling instructions of one site to one endpoint apart, also
	// when several processes deliver.
	AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (surgecast.Lease, bool, error)
	ReleaseLeases(ctx context.Context, leases []surgecast.Lease) error
	// RequeueAbandoned puts back into the queue what processes were delivering whose lease, prefix and their name in
	// the queue, has run out.
	RequeueAbandoned(ctx context.Context, prefix string) (int, error)
}

// Config is what a Notifier is made of. Store, Pool, Clock, Wall and Key are required.
type Config struct {
	Store Store
	Pool  *pgxpool.Pool // River's queue lives in the same database as the deliveries

	// Clock is the clock of the run: expiry is judged and the log is written by it. Wall is real time:
	// receivers refuse a webhook-timestamp more than 5 minutes from theirs, so a signature carries it
	// even while last year is replayed.
	Clock surgecast.Clock
	Wall  surgecast.Clock

	Logger   *slog.Logger          // nil: slog.Default
	Registry prometheus.Registerer // nil: no metrics
	Key      []byte                // 32 bytes, opens the webhooks' secrets (ReadKey)
	Allow    []Allowed             // the operator's exceptions to the guard; empty: none
	Public   string                // address of the dashboard, for links (https://surge.example.com); empty: no links

	Resolver *net.Resolver // looks up receivers' names; nil: the system's

	Timeout         time.Duration   // of one attempt; 0: 15 s
	Schedule        []time.Duration // delay before attempt 1, 2, …; nil: DefaultSchedule
	Urgent          []time.Duration // the same for recommendation.changed, the last one repeats; nil: UrgentSchedule
	Jitter          func() float64  // in [0, 1), spreads retries; nil: random
	Workers         int             // attempts at a time; 0: 50
	WorkersEndpoint int             // attempts at a time to one endpoint; 0: 8
	FetchCooldown   time.Duration   // 0: 50 ms
	FetchPoll       time.Duration   // 0: 500 ms; News arrives by NOTIFY, this is the fallback
	RescueAfter     time.Duration   // a killed process's deliveries start again after it; 0: twice Timeout + 10 s
	StopTimeout     time.Duration   // how long Run lets attempts finish when it stops; 0: 5 s
}

// Notifier delivers messages while Run runs.
type Notifier struct {
	store    Store
	clock    surgecast.Clock
	wall     surgecast.Clock
	log      *slog.Logger
	key      []byte
	timeout  time.Duration
	schedule []time.Duration
	urgent   []time.Duration
	jitter   func() float64
	stop     time.Duration
	jobLimit time.Duration
	public   string
	name     string // of this process in the queue

	http    *http.Client
	gate    *gate
	done    *broadcast
	metrics *metrics
	client  *river.Client[pgx.Tx]
}

// New makes a Notifier and starts nothing.
func New(c Config) (*Notifier, error) {
	switch {
	case c.Store == nil || c.Pool == nil:
		return nil, errors.New("notify: a store and a pool are needed")
	case c.Clock == nil || c.Wall == nil:
		return nil, errors.New("notify: the clock of the run and real time are needed")
	case len(c.Key) != KeySize:
		return nil, fmt.Errorf("notify: the key that opens webhook secrets has %d bytes, want %d", len(c.Key), KeySize)
	}
	n := &Notifier{
		store: c.Store, clock: c.Clock, wall: c.Wall, key: c.Key,
		log: c.Logger, schedule: c.Schedule, urgent: c.Urgent, jitter: c.Jitter,
		timeout: orDuration(c.Timeout, 15*time.Second),
		stop:    orDuration(c.StopTimeout, 5*time.Second),
		gate:    newGate(orInt(c.WorkersEndpoint, 8)),
		done:    newBroadcast(),
		public:  strings.TrimSuffix(c.Public, "/"),
		metrics: newMetrics(c.Registry),
	}
	if n.log == nil {
		n.log = slog.Default()
	}
	if n.schedule == nil {
		n.schedule = DefaultSchedule
	}
	if n.urgent == nil {
		n.urgent = UrgentSchedule
	}
	if n.jitter == nil {
		n.jitter = rand.Float64
	}
	n.http = newClient(newGuard(c.Allow), c.Resolver, n.timeout)

	// A job outlives its attempt by the time the log needs; a job of a killed process is started again
	// only when no attempt of it can still be under way (River's default would be an hour).
	n.jobLimit = n.timeout + 5*time.Second
	rescue := orDuration(c.RescueAfter, 2*n.timeout+10*time.Second)
	if rescue <= n.jobLimit {
		return nil, fmt.Errorf("notify: deliveries of a killed process would start again after %s, while an attempt may take %s", rescue, n.jobLimit)
	}
	n.name = surgecast.NewID("ntf_")
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{n: n}); err != nil {
		return nil, fmt.Errorf("notify: register the delivery worker: %w", err)
	}
	cooldown := orDuration(c.FetchCooldown, 50*time.Millisecond)
	client, err := river.NewClient(riverpgxv5.New(c.Pool), &river.Config{
		ID:                   n.name,
		Schema:               Schema,
		Queues:               map[string]river.QueueConfig{Queue: {MaxWorkers: orInt(c.Workers, 50)}},
		Workers:              workers,
		Logger:               slog.New(quiet{n.log.Handler()}),
		JobTimeout:           n.jobLimit,
		RescueStuckJobsAfter: rescue,
		FetchCooldown:        cooldown,
		FetchPollInterval:    max(cooldown, orDuration(c.FetchPoll, 500*time.Millisecond)),
		SoftStopTimeout:      n.stop,
	})
	if err != nil {
		return nil, fmt.Errorf("notify: make the queue's client: %w", err)
	}
	n.client = client
	return n, nil
}

// Run delivers until ctx ends, then lets attempts under way finish (StopTimeout) and resigns from
// River's leadership, so that another process takes over at once. It returns nil on a clean stop.
func (n *Notifier) Run(ctx context.Context) error {
	if err := n.watch(ctx); err != nil { // before the first message is taken
		return fmt.Errorf("start delivering: %w", err)
	}
	defer n.unwatch(ctx)
	// The client gets a context of its own: ending ctx must begin a soft stop, not abort attempts.
	if err := n.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start delivering: %w", err)
	}
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	sign := time.NewTicker(signEvery)
	defer sign.Stop()
	for {
		select {
		case <-ctx.Done():
			stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.stop+10*time.Second)
			defer cancel()
			if err := n.client.Stop(stopCtx); err != nil {
				return fmt.Errorf("stop delivering: %w", err)
			}
			return nil
		case <-n.client.Stopped():
			return errors.New("deliver messages: the queue's client stopped by itself")
		case <-sign.C:
			if err := n.watch(ctx); err != nil && ctx.Err() == nil {
				n.log.Warn("no sign of life was given; others may send again what this process sends", "error", err)
			}
		case <-tick.C:
			n.watchStuck(ctx)
			if _, err := n.store.DropOldSecrets(ctx, n.clock()); err != nil && ctx.Err() == nil {
				n.log.Warn("rotated secrets stay a little longer; they sign no more", "error", err)
			}
		}
	}
}

// watchStuck counts jobs that are marked running for longer than any job may take. River starts them
// again after RescueAfter; a number that stays is a fault worth an alert.
func (n *Notifier) watchStuck(ctx context.Context) {
	list, err := n.client.JobList(ctx, river.NewJobListParams().
		Queues(Queue).States(rivertype.JobStateRunning).OrderBy(river.JobListOrderByTime, river.SortOrderAsc).First(1000))
	if err != nil {
		if ctx.Err() == nil {
			n.log.Warn("stuck deliveries cannot be counted", "error", err)
		}
		return
	}
	stuck := 0
	for _, j := range list.Jobs {
		if j.AttemptedAt != nil && n.wall().Sub(*j.AttemptedAt) > n.jobLimit {
			stuck++
		}
	}
	n.metrics.stuck.Set(float64(stuck))
}

// Settle waits until every pending delivery has had its first attempt, at most timeout. The clock of a
// replay waits for it: otherwise a minute of the recording would pass in less time than a message
// needs, and instructions would expire that live would have been sent.
func (n *Notifier) Settle(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	poll := time.NewTicker(100 * time.Millisecond) // another process may have worked it
	defer poll.Stop()
	pending := -1
	for {
		worked := n.done.wait() // before the question, so that nothing is missed between
		left, err := n.store.PendingDeliveries(ctx)
		switch {
		case err == nil && left == 0:
			return nil
		case err == nil:
			pending = left
		case ctx.Err() == nil:
			return fmt.Errorf("wait for deliveries: %w", err)
		}
		select {
		case <-ctx.Done():
			if pending < 0 {
				return fmt.Errorf("wait for deliveries: %w", ctx.Err())
			}
			return fmt.Errorf("wait for deliveries: %d without a first attempt after %s: %w", pending, timeout, ctx.Err())
		case <-worked:
		case <-poll.C:
		}
	}
}

func orDuration(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func orInt(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
