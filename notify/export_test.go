package notify

import (
	"context"
	"time"
)

// Deliver makes one attempt without the queue.
func (n *Notifier) Deliver(ctx context.Context, id string) (time.Duration, error) {
	return n.deliver(ctx, id)
}

// Control is the guard's decision on one socket.
func Control(allow []Allowed, network, address string) error {
	return newGuard(allow).control(network, address, nil)
}

// Judge names what an answer means.
func Judge(status int) string {
	return [...]string{accepted: "accepted", again: "again", final: "final", gone: "gone"}[judge(answer{status: status})]
}

// Delay is the wait after an attempt.
func Delay(schedule []time.Duration, made int, repeatLast bool, jitter float64, asked time.Duration) (time.Duration, bool) {
	return delay(schedule, made, repeatLast, jitter, asked)
}

// RetryAfter reads the header.
func RetryAfter(h string, now time.Time) time.Duration { return retryAfter(h, now) }

// Excerpt makes text of an answer.
func Excerpt(b []byte) string { return excerpt(b) }

// Fingerprint is an alert's identity.
func Fingerprint(labels map[string]string) string { return fingerprint(labels) }
