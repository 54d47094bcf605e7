package main

import (
	"context"
	"fmt"
	"time"

	"surgecast"
)

// closing is how long after its end a minute is published by a recording: what a prompt source takes.
const closing = 5 * time.Second

// settleWithin is how long the clock of a recording stands still for webhooks: longer than one attempt may take.
const settleWithin = 20 * time.Second

// player plays minutes through the production path: into the database, through the engine's sweep, out
// to webhooks. The clock stands still until all that a minute caused has been tried once, so that speed
// never makes a message late.
type player struct {
	app   *app
	clock *playClock
}

// minute is everything that becomes known when one minute ends.
type minute struct {
	at       time.Time // its start
	traffic  []surgecast.TrafficMinute
	mentions []surgecast.MentionMinute
}

// play publishes one minute and sweeps.
func (p *player) play(ctx context.Context, m minute) error {
	now := m.at.Add(time.Minute + closing)
	if len(m.mentions) > 0 {
		if _, err := p.app.db.PutMentions(ctx, m.mentions, now); err != nil {
			return fmt.Errorf("storing mentions of %s: %w", m.at.Format(time.RFC3339), err)
		}
	}
	if len(m.traffic) > 0 {
		if _, err := p.app.db.PutTraffic(ctx, m.traffic, now); err != nil {
			return fmt.Errorf("storing traffic of %s: %w", m.at.Format(time.RFC3339), err)
		}
	}
	p.clock.Jump(now)
	res, err := p.app.engine.Sweep(ctx, now)
	if err != nil {
		return err
	}
	if res.Messages > 0 {
		if err := p.app.notify.Settle(ctx, settleWithin); err != nil {
			return fmt.Errorf("waiting for webhooks of %s: %w", m.at.Format(time.RFC3339), err)
		}
	}
	return nil
}

// history stores many minutes at once, before the first sweep: they were known long ago.
func (p *player) history(ctx context.Context, traffic []surgecast.TrafficMinute, mentions []surgecast.MentionMinute, at time.Time) error {
	if len(mentions) > 0 {
		if _, err := p.app.db.PutMentions(ctx, mentions, at); err != nil {
			return fmt.Errorf("storing the history of mentions: %w", err)
		}
	}
	if len(traffic) > 0 {
		if _, err := p.app.db.PutTraffic(ctx, traffic, at); err != nil {
			return fmt.Errorf("storing the history of traffic: %w", err)
		}
	}
	return nil
}
