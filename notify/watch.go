package notify

import (
	"context"
	"time"

	"surgecast"
)

// A process that delivers says so by a lease, and looks whether others still do: what a killed one was sending is put
// back into the queue as soon as no attempt of it can still be under way. The queue's own rescue, which knows no
// processes, comes only after RescueAfter and once somebody has noticed that its leader is gone.
const (
	signs     = "notify/" // and the process's name in the queue
	signEvery = 3 * time.Second
)

// signTTL outlives every attempt: one that began just before the process was stopped is over when the lease is, even if
// the process wakes up again.
func (n *Notifier) signTTL() time.Duration { return n.jobLimit + signEvery + 2*time.Second }

// watch gives a sign of life and takes over what others have left behind.
func (n *Notifier) watch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, signEvery)
	defer cancel()
	if _, _, err := n.store.AcquireLease(ctx, signs+n.name, n.name, n.signTTL()); err != nil {
		return err
	}
	left, err := n.store.RequeueAbandoned(ctx, signs)
	if left > 0 {
		n.log.Info("sending again what a process that is gone was sending", "deliveries", left)
	}
	return err
}

// unwatch ends the sign of life: what a clean stop could not finish is free at once.
func (n *Notifier) unwatch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signEvery)
	defer cancel()
	lease, mine, err := n.store.AcquireLease(ctx, signs+n.name, n.name, time.Second)
	if err == nil && mine {
		err = n.store.ReleaseLeases(ctx, []surgecast.Lease{lease})
	}
	if err != nil {
		n.log.Warn("the sign of life is not taken back and will lapse", "error", err)
	}
}
