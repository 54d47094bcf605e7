package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/riverqueue/river"

	"surgecast"
)

// busyWait is how long a message waits that may not be sent yet, because another to the same endpoint
// is under way.
const busyWait = 250 * time.Millisecond

// frozenWait is how long an instruction waits while all acting is frozen, until it is looked at again.
const frozenWait = 2 * time.Second

// worker is one delivery as a River job. The attempts of a message are counted in its delivery, not in
// the job: the job snoozes between attempts, so River's own limit of attempts is left to crashes and
// database faults.
type worker struct {
	river.WorkerDefaults[surgecast.DeliverArgs]
	n *Notifier
}

// NextRetry spaces what River itself retries: faults of ours, mostly the database's, not the receiver's.
func (w *worker) NextRetry(job *river.Job[surgecast.DeliverArgs]) time.Time {
	return w.n.wall().Add(min(time.Second<<min(job.Attempt, 6), time.Minute))
}

// Work makes one attempt at one message.
func (w *worker) Work(ctx context.Context, job *river.Job[surgecast.DeliverArgs]) error {
	wait, err := w.n.deliver(ctx, job.Args.DeliveryID)
	if err != nil {
		return err
	}
	if wait > 0 {
		return river.JobSnooze(wait)
	}
	return nil
}

// deliver makes one attempt. It returns how long to wait for the next, 0 when there is none.
func (n *Notifier) deliver(ctx context.Context, id string) (wait time.Duration, err error) {
	d, err := n.store.Delivery(ctx, id)
	if errors.Is(err, surgecast.ErrNotFound) {
		return 0, nil // its webhook was deleted, and its log with it
	}
	if err != nil {
		return 0, fmt.Errorf("delivery %s: %w", id, err)
	}
	if d.Status != surgecast.DeliveryPending {
		return 0, nil
	}
	if !n.gate.enter(d.WebhookID) {
		return busyWait, nil
	}
	defer n.gate.leave(d.WebhookID)

	if turn := turn(d); turn != "" {
		// One instruction at a time per site and endpoint, in all processes: otherwise an older one
		// could overtake. Its status is read again under the lease, because a newer one may have taken
		// its place while this one waited.
		lease, mine, err := n.store.AcquireLease(ctx, turn, d.ID, n.jobLimit)
		if err != nil {
			return 0, fmt.Errorf("delivery %s: %w", id, err)
		}
		if !mine {
			return busyWait, nil
		}
		defer func() {
			free, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			if rerr := n.store.ReleaseLeases(free, []surgecast.Lease{lease}); rerr != nil {
				n.log.Warn("the right to send instructions is not released and will lapse", "delivery", id, "error", rerr)
			}
		}()
		if d, err = n.store.Delivery(ctx, id); err != nil {
			return 0, fmt.Errorf("delivery %s: %w", id, err)
		}
		if d.Status != surgecast.DeliveryPending {
			return 0, nil
		}
	}
	return n.attempt(ctx, d)
}

// turn names what a message must have alone while it is sent: the site, for a scaling instruction, or the
// subject of which only the newest message counts. Empty: it may go beside others.
func turn(d surgecast.Delivery) string {
	switch {
	case d.Type == surgecast.TypeRecommendationChanged:
		return "deliver:" + d.WebhookID + ":" + strconv.FormatInt(d.SiteID, 10)
	case d.About != "":
		return "deliver:" + d.WebhookID + ":" + d.About
	}
	return ""
}

// attempt sends a pending message once and writes what came of it.
func (n *Notifier) attempt(ctx context.Context, d surgecast.Delivery) (time.Duration, error) {
	a := surgecast.DeliveryAttempt{DeliveryID: d.ID, Number: d.Attempts + 1, At: n.clock()}
	if expired(d, a.At) {
		a.Error = fmt.Sprintf("not sent: it was good until %s", d.ExpiresAt.UTC().Format(time.RFC3339))
		if err := n.record(ctx, d, a, surgecast.DeliveryExpired); err != nil || d.Attempts == 0 {
			return 0, err
		}
		return 0, n.disableFailing(ctx, d.WebhookID)
	}
	if held, err := n.heldBack(ctx, d); err != nil || held {
		return frozenWait, err
	}
	w, err := n.store.WebhookByID(ctx, d.AccountID, d.WebhookID)
	switch {
	case errors.Is(err, surgecast.ErrNotFound):
		a.Error = "not sent: the endpoint was deleted"
		return 0, n.record(ctx, d, a, surgecast.DeliveryFailed)
	case err != nil:
		return 0, fmt.Errorf("delivery %s: %w", d.ID, err)
	case !w.DisabledAt.IsZero() && d.Type != surgecast.TypeTest: // a test asks whether it works again
		a.Error = "not sent: the endpoint is disabled"
		return 0, n.record(ctx, d, a, surgecast.DeliveryFailed)
	}
	r, err := n.request(d, w)
	if err != nil {
		a.Error = "not sent: " + err.Error()
		return 0, n.record(ctx, d, a, surgecast.DeliveryFailed)
	}
	if r.shape.pace > 0 {
		// A lease that nobody gives back is a clock all processes share: the next may go when it lapses.
		_, mine, err := n.store.AcquireLease(ctx, "pace:"+w.ID, d.ID+"/"+strconv.Itoa(a.Number), r.shape.pace)
		if err != nil {
			return 0, fmt.Errorf("delivery %s: %w", d.ID, err)
		}
		if !mine {
			return r.shape.pace / 2, nil
		}
	}

	limit := n.timeout
	if !d.ExpiresAt.IsZero() { // a slow dial must not carry an instruction past its end
		limit = min(limit, d.ExpiresAt.Sub(a.At))
	}
	postCtx, cancel := context.WithTimeout(ctx, limit)
	began := n.wall()
	got := n.post(postCtx, r)
	cancel()
	took := n.wall().Sub(began)
	if got.status == 0 && ctx.Err() != nil {
		// We are stopping. Whether it arrived is not known: it goes again later, under the same id.
		return 0, fmt.Errorf("delivery %s: stopped during an attempt: %w", d.ID, ctx.Err())
	}
	a.StatusCode, a.Error, a.Excerpt, a.Millis = got.status, explain(got), got.excerpt, int(took.Milliseconds())
	n.metrics.attempts.WithLabelValues(d.Type, class(got.status)).Inc()
	n.metrics.durations.Observe(took.Seconds())

	switch r.shape.judge(got) {
	case accepted:
		return 0, n.record(ctx, d, a, surgecast.DeliveryDelivered)
	case gone:
		// First the endpoint, then the log: killed in between, the next attempt finds it disabled.
		why := fmt.Sprintf("it answered %d", got.status)
		if err := n.store.DisableWebhook(ctx, w.ID, why, n.clock()); err != nil {
			return 0, fmt.Errorf("disable webhook %s: %w", w.ID, err)
		}
		n.log.Warn("endpoint disabled", "webhook", w.ID, "reason", why)
		return 0, n.record(ctx, d, a, surgecast.DeliveryFailed)
	case final:
		return 0, n.record(ctx, d, a, surgecast.DeliveryFailed)
	case again:
	}
	urgent := d.Type == surgecast.TypeRecommendationChanged && !d.ExpiresAt.IsZero()
	schedule := n.schedule
	if urgent {
		schedule = n.urgent
	}
	asked := time.Duration(0)
	if got.status == http.StatusTooManyRequests || got.status == http.StatusServiceUnavailable {
		asked = got.retryAfter
	}
	wait, more := delay(schedule, a.Number, urgent, n.jitter(), asked)
	if !more {
		if err := n.record(ctx, d, a, surgecast.DeliveryFailed); err != nil || a.Number != len(schedule) {
			return 0, err // one more by hand is a question, not a verdict on the endpoint
		}
		return 0, n.disableFailing(ctx, w.ID)
	}
	if err := n.record(ctx, d, a, surgecast.DeliveryPending); err != nil {
		return 0, err
	}
	return max(wait, time.Millisecond), nil
}

// heldBack reports whether a message is an instruction the service thought of itself, and all acting is frozen: it may
// have been made just before the freeze, or by an engine that had not heard of it.
func (n *Notifier) heldBack(ctx context.Context, d surgecast.Delivery) (bool, error) {
	if d.Type != surgecast.TypeRecommendationChanged {
		return false, nil
	}
	var m struct {
		Data struct{ Reason string }
	}
	if err := json.Unmarshal(d.Body, &m); err == nil && (m.Data.Reason == "override" || m.Data.Reason == "frozen") {
		return false, nil
	}
	frozen, err := n.store.Frozen(ctx, d.AccountID)
	if err != nil {
		return false, fmt.Errorf("delivery %s: %w", d.ID, err)
	}
	return frozen, nil
}

// expired reports whether a message may no longer be sent.
func expired(d surgecast.Delivery, now time.Time) bool {
	return !d.ExpiresAt.IsZero() && !now.Before(d.ExpiresAt)
}

// disableFailing disables an endpoint to which nothing got through for as long as the whole schedule lasts.
// One message it cannot digest does not do that while others arrive.
func (n *Notifier) disableFailing(ctx context.Context, webhook string) error {
	span := time.Duration(0)
	for _, d := range n.schedule {
		span += d
	}
	now := n.clock()
	why := "nothing got through for " + span.Round(time.Minute).String() + ", all attempts used up"
	disabled, err := n.store.DisableFailingWebhook(context.WithoutCancel(ctx), webhook, why, now, now.Add(-span))
	if err != nil {
		return fmt.Errorf("disable webhook %s: %w", webhook, err)
	}
	if disabled {
		n.log.Warn("endpoint disabled", "webhook", webhook, "reason", why)
	}
	return nil
}

// record writes the attempt. It does so also while we are stopping: an attempt that was made and not
// written is made again.
func (n *Notifier) record(ctx context.Context, d surgecast.Delivery, a surgecast.DeliveryAttempt, status surgecast.DeliveryStatus) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*time.Second)
	defer cancel()
	var doneAt time.Time
	if status != surgecast.DeliveryPending {
		doneAt = n.clock()
	}
	if err := n.store.RecordAttempt(ctx, a, status, doneAt); err != nil {
		return fmt.Errorf("write attempt %d of delivery %s: %w", a.Number, d.ID, err)
	}
	if !doneAt.IsZero() {
		n.metrics.finished.WithLabelValues(d.Type, string(status)).Inc()
	}
	n.log.Debug("delivery attempted", "delivery", d.ID, "webhook", d.WebhookID, "type", d.Type,
		"attempt", a.Number, "status_code", a.StatusCode, "status", status, "millis", a.Millis)
	n.done.send()
	return nil
}
