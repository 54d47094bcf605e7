package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"surgecast"
	"surgecast/migrations"
)

const deliveryColumns = `id, account_id, webhook_id, site_id, type, sequence, about, body, status, attempts, created_at, expires_at, done_at`

func scanDelivery(row pgx.CollectableRow) (surgecast.Delivery, error) {
	var d surgecast.Delivery
	var expires, done *time.Time
	err := row.Scan(&d.ID, &d.AccountID, &d.WebhookID, &d.SiteID, &d.Type, &d.Sequence, &d.About, &d.Body, &d.Status, &d.Attempts, &d.CreatedAt, &expires, &done)
	d.CreatedAt, d.ExpiresAt, d.DoneAt = d.CreatedAt.UTC(), orZero(expires), orZero(done)
	return d, err
}

// The newest mute or unmute of an episode rules; a mute ends at its time. Its end is told all the same.
const mutedSQL = `
	SELECT FROM (SELECT kind, until FROM surge_mark WHERE surge_id = $4 AND kind IN ('mute', 'unmute') ORDER BY number DESC LIMIT 1) m
	WHERE  m.kind = 'mute' AND m.until > $5`

// A webhook hears what its account's sites do, if it asked for the type and the site. What concerns no
// single site (0) and what happened to an endpoint is for all who asked for the type.
const listenersSQL = `
	SELECT id, format FROM webhook
	WHERE  account_id = $1 AND disabled_at IS NULL
	AND    (cardinality(types) = 0 OR $2 = ANY (types)) AND (cardinality(sites) = 0 OR $3 = ANY (sites) OR $2 = 'webhook.disabled')
	AND    NOT ($4 <> '' AND $2 <> 'surge.closed' AND EXISTS (` + mutedSQL + `))
	ORDER  BY id`

// A newer instruction takes the place of older ones not yet delivered to the same endpoint.
const supersedeSQL = `
	UPDATE delivery SET status = 'superseded', done_at = $4
	WHERE  webhook_id = $1 AND site_id = $2 AND type = 'recommendation.changed' AND status = 'pending' AND sequence < $3`

// Where only the newest message of a subject counts, it takes the place of the others too.
const supersedeAboutSQL = `
	UPDATE delivery SET status = 'superseded', done_at = $3 WHERE webhook_id = $1 AND about = $2 AND status = 'pending'`

const insertDeliverySQL = `
	INSERT INTO delivery (id, account_id, webhook_id, site_id, type, sequence, about, body, status, attempts, created_at, expires_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', 0, $9, $10)`

// listener is a webhook that wants a message.
type listener struct {
	ID     string
	Format surgecast.Format
}

// about is the subject of a message whose newest word counts.
func about(m surgecast.Message) string {
	if m.Type == surgecast.TypeForecastStale || m.Type == surgecast.TypeForecastResumed {
		return "silence:" + strconv.FormatInt(m.SiteID, 10)
	}
	return m.SurgeID
}

// saveMessages writes one delivery, and the job that sends it, for every webhook that wants a message.
func (s *Store) saveMessages(ctx context.Context, tx pgx.Tx, ms []surgecast.Message, at time.Time) error {
	var jobs []string
	for _, m := range ms {
		rows, _ := tx.Query(ctx, listenersSQL, m.AccountID, m.Type, m.SiteID, m.SurgeID, at)
		listeners, err := pgx.CollectRows(rows, pgx.RowToStructByPos[listener])
		if err != nil {
			return fmt.Errorf("who wants to hear %s: %w", m.Type, err)
		}
		if len(listeners) == 0 {
			continue
		}
		body, err := messageBody(m.Type, m.Timestamp, m.Data)
		if err != nil {
			return err
		}
		for _, hook := range listeners {
			if m.Type == surgecast.TypeRecommendationChanged {
				if _, err := tx.Exec(ctx, supersedeSQL, hook.ID, m.SiteID, m.Sequence, at); err != nil {
					return fmt.Errorf("superseding instructions for webhook %s: %w", hook.ID, err)
				}
			}
			subject := ""
			if hook.Format.Latest() {
				if subject = about(m); subject != "" {
					if _, err := tx.Exec(ctx, supersedeAboutSQL, hook.ID, subject, at); err != nil {
						return fmt.Errorf("superseding alerts for webhook %s: %w", hook.ID, err)
					}
				}
			}
			id := surgecast.NewID("dlv_")
			if _, err := tx.Exec(ctx, insertDeliverySQL, id, m.AccountID, hook.ID, m.SiteID, m.Type, m.Sequence, subject, body, at, orNull(m.ExpiresAt)); err != nil {
				return fmt.Errorf("storing a %s for webhook %s: %w", m.Type, hook.ID, err)
			}
			jobs = append(jobs, id)
		}
	}
	return s.enqueue(ctx, tx, jobs)
}

// messageBody is what is sent: the data carry the number of their schema.
func messageBody(kind string, timestamp time.Time, data any) ([]byte, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("body of %s: %w", kind, err)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("body of %s: the data are no object: %w", kind, err)
	}
	if fields == nil { // data was null
		fields = map[string]json.RawMessage{}
	}
	fields["schema"] = json.RawMessage("1")
	return json.Marshal(struct {
		Type      string                     `json:"type"`
		Timestamp time.Time                  `json:"timestamp"`
		Data      map[string]json.RawMessage `json:"data"`
	}{kind, timestamp.UTC(), fields})
}

// deliverQueue is the River queue notify works.
const deliverQueue = "deliver"

// enqueue asks for deliveries in the same transaction. One job a delivery is enough while it is not done;
// a retry by hand afterwards is a new one.
func (s *Store) enqueue(ctx context.Context, tx pgx.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(ids))
	for i, id := range ids {
		params[i] = river.InsertManyParams{Args: surgecast.DeliverArgs{DeliveryID: id}, InsertOpts: &river.InsertOpts{
			Queue: deliverQueue,
			UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
				rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
			}},
		}}
	}
	if _, err := s.jobs.InsertManyTx(ctx, tx, params); err != nil {
		return fmt.Errorf("queueing %d deliveries: %w", len(ids), err)
	}
	return nil
}

// Delivery finds a message by its id, for the worker that sends it.
func (s *Store) Delivery(ctx context.Context, id string) (surgecast.Delivery, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+deliveryColumns+` FROM delivery WHERE id = $1`, id)
	d, err := pgx.CollectExactlyOneRow(rows, scanDelivery)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, fmt.Errorf("delivery %s: %w", id, surgecast.ErrNotFound)
	}
	if err != nil {
		return d, fmt.Errorf("looking up delivery %s: %w", id, err)
	}
	return d, nil
}

// Deliveries lists the messages to an endpoint of the account (to all of them if webhookID is empty),
// newest first.
func (s *Store) Deliveries(ctx context.Context, account int64, webhookID string, p surgecast.Page) ([]surgecast.Delivery, string, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+deliveryColumns+` FROM delivery
		WHERE account_id = $1 AND ($2 = '' OR webhook_id = $2) AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4`,
		account, webhookID, p.After, limit(p)+1)
	ds, err := pgx.CollectRows(rows, scanDelivery)
	if err != nil {
		return nil, "", fmt.Errorf("listing deliveries: %w", err)
	}
	ds, next := part(ds, p, func(d surgecast.Delivery) string { return d.ID })
	return ds, next, nil
}

// Attempts lists what was tried to deliver a message of the account, in order.
func (s *Store) Attempts(ctx context.Context, account int64, deliveryID string) ([]surgecast.DeliveryAttempt, error) {
	rows, _ := s.pool.Query(ctx, `SELECT a.delivery_id, a.number, a.at, a.status_code, a.error, a.excerpt, a.millis
		FROM delivery_attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.account_id = $1 AND d.id = $2 ORDER BY a.number`, account, deliveryID)
	as, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a surgecast.DeliveryAttempt, err error) {
		err = row.Scan(&a.DeliveryID, &a.Number, &a.At, &a.StatusCode, &a.Error, &a.Excerpt, &a.Millis)
		a.At = a.At.UTC()
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing attempts of delivery %s: %w", deliveryID, err)
	}
	return as, nil
}

// PendingDeliveries counts the messages nobody has tried to deliver yet.
func (s *Store) PendingDeliveries(ctx context.Context) (int, error) {
	var n int
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM delivery WHERE status = 'pending' AND attempts = 0`).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting pending deliveries: %w", err)
	}
	return n, nil
}

// The attempt's number comes from the locked row: two workers of one delivery, which a rescue can make,
// both appear in the log. What is done stays done, except that a message that arrived after all did.
const recordAttemptSQL = `
	WITH d AS (
		UPDATE delivery SET
			attempts = GREATEST(attempts + 1, $2),
			status  = CASE WHEN status = 'pending' OR $8 = 'delivered' THEN $8 ELSE status END,
			done_at = CASE WHEN status = 'pending' OR $8 = 'delivered' THEN $9 ELSE done_at END
		WHERE id = $1
		RETURNING id, attempts
	)
	INSERT INTO delivery_attempt (delivery_id, number, at, status_code, error, excerpt, millis)
	SELECT id, attempts, $3, $4, $5, $6, $7 FROM d`

// RecordAttempt writes an attempt and what became of the delivery in one transaction. doneAt is zero
// while it is pending. A delivery superseded meanwhile does not become pending again.
func (s *Store) RecordAttempt(ctx context.Context, a surgecast.DeliveryAttempt, status surgecast.DeliveryStatus, doneAt time.Time) error {
	tag, err := s.pool.Exec(ctx, recordAttemptSQL, a.DeliveryID, a.Number, a.At, a.StatusCode, text(a.Error), text(a.Excerpt), a.Millis, string(status), orNull(doneAt))
	if err != nil {
		return fmt.Errorf("recording an attempt of delivery %s: %w", a.DeliveryID, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("delivery %s: %w", a.DeliveryID, surgecast.ErrNotFound)
	}
	return nil
}

// EnqueueTest sends a message of type test to one endpoint of the account.
func (s *Store) EnqueueTest(ctx context.Context, account int64, webhookID string, at time.Time) (surgecast.Delivery, error) {
	d := surgecast.Delivery{ID: surgecast.NewID("dlv_"), AccountID: account, WebhookID: webhookID, Type: surgecast.TypeTest, Status: surgecast.DeliveryPending, CreatedAt: at.UTC()}
	var err error
	if d.Body, err = messageBody(d.Type, at, map[string]string{"message": "A test. If you can read this, deliveries reach you."}); err != nil {
		return d, err
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, `SELECT true FROM webhook WHERE account_id = $1 AND id = $2 FOR KEY SHARE`, account, webhookID).Scan(&there); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertDeliverySQL, d.ID, account, webhookID, 0, d.Type, 0, "", d.Body, at, nil); err != nil {
			return err
		}
		return s.enqueue(ctx, tx, []string{d.ID})
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return d, fmt.Errorf("webhook %s: %w", webhookID, surgecast.ErrNotFound)
	}
	if err != nil {
		return d, fmt.Errorf("testing webhook %s: %w", webhookID, err)
	}
	return d, nil
}

// overtakenSQL: a newer instruction for the site, or a newer message of the subject, was made for the endpoint.
const overtakenSQL = `
	SELECT d.type, d.status, d.status <> 'pending' AND EXISTS (
		SELECT FROM delivery n WHERE n.webhook_id = d.webhook_id AND n.id <> d.id AND (
			d.type = 'recommendation.changed' AND n.type = d.type AND n.site_id = d.site_id AND n.sequence > d.sequence
			OR d.about <> '' AND n.about = d.about AND n.id > d.id))
	FROM delivery d WHERE account_id = $1 AND id = $2 FOR UPDATE`

// RetryDelivery sends a message of the account again, under the same id. What expired, and what a newer
// message has taken the place of, is ErrConflict: late it does harm.
func (s *Store) RetryDelivery(ctx context.Context, account int64, id string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var kind, status string
		var overtaken bool
		if err := tx.QueryRow(ctx, overtakenSQL, account, id).Scan(&kind, &status, &overtaken); err != nil {
			return err
		}
		switch {
		case status == string(surgecast.DeliveryExpired) || status == string(surgecast.DeliverySuperseded):
			return fmt.Errorf("the message is %s: %w", status, surgecast.ErrConflict)
		case overtaken:
			return fmt.Errorf("a newer %s took its place: %w", kind, surgecast.ErrConflict)
		}
		if _, err := tx.Exec(ctx, `UPDATE delivery SET status = 'pending', done_at = NULL WHERE id = $1`, id); err != nil {
			return err
		}
		return s.enqueue(ctx, tx, []string{id})
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("delivery %s: %w", id, surgecast.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("retrying delivery %s: %w", id, err)
	}
	return nil
}

const (
	requeueSQL = `UPDATE ` + migrations.RiverSchema + `.river_job SET state = 'available', scheduled_at = now() WHERE queue = $1 AND state = 'running'`
	// The right to send instructions of a site to an endpoint is held by the delivery that was under way.
	endDeliverLeasesSQL = `UPDATE lease SET expires_at = '-infinity' WHERE starts_with(name, 'deliver:')`
)

// RequeueDeliveries puts what a killed process was delivering back into the queue, to be sent at once under
// the same ids, and answers how many they were. Only for a process that knows that no other delivers from
// this database: the queue by itself waits until none could be.
func (s *Store) RequeueDeliveries(ctx context.Context) (n int, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, requeueSQL, deliverQueue)
		if err != nil {
			return err
		}
		n = int(tag.RowsAffected())
		_, err = tx.Exec(ctx, endDeliverLeasesSQL)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("putting interrupted deliveries back into the queue: %w", err)
	}
	return n, nil
}

// Of a job that runs, the last of attempted_by is who works it. Its lease says whether that process is still there.
const (
	requeueAbandonedSQL = `UPDATE ` + migrations.RiverSchema + `.river_job j SET state = 'available', scheduled_at = now()
		WHERE j.queue = $1 AND j.state = 'running' AND NOT EXISTS (
			SELECT FROM lease l WHERE l.name = $2 || j.attempted_by[array_upper(j.attempted_by, 1)] AND l.expires_at > statement_timestamp())`
	dropOldLeasesSQL = `DELETE FROM lease WHERE starts_with(name, $1) AND expires_at < statement_timestamp() - interval '1 day'`
)

// RequeueAbandoned puts back into the queue what processes were delivering that are no longer there, and answers how
// many messages those were. A process is there while it holds the lease named prefix and its name in the queue;
// the leases of processes long gone are deleted.
func (s *Store) RequeueAbandoned(ctx context.Context, prefix string) (n int, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, requeueAbandonedSQL, deliverQueue, prefix)
		if err != nil {
			return err
		}
		n = int(tag.RowsAffected())
		_, err = tx.Exec(ctx, dropOldLeasesSQL, prefix)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("putting abandoned deliveries back into the queue: %w", err)
	}
	return n, nil
}
