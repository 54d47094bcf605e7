package main

import (
	"context"

	"surgecast/engine"
)

type backtestCmd struct {
	Series    string `required:"" type:"existingfile" help:"CSV timestamp_utc,series,value (.gz too)." placeholder:"FILE"`
	Origins   string `required:"" type:"existingfile" help:"CSV series,origin,horizon_steps,thresholds." placeholder:"FILE"`
	Out       string `required:"" help:"Forecasts are written here (.gz too)." placeholder:"FILE"`
	BreachOut string `name:"breach-out" help:"Breach probabilities are written here (.gz too)." placeholder:"FILE"`
	Signals   string `type:"existingfile" help:"CSV timestamp_utc,series,source,value: what was said, known up to the origin." placeholder:"FILE"`
	Events    string `type:"existingfile" help:"CSV series,kind,start_utc,end_utc,announced_utc: planned events, known once announced." placeholder:"FILE"`
	Seed      uint64 `help:"Seed of everything random." default:"1"`
}

func (c *backtestCmd) Run(ctx context.Context, g *Global) error {
	return engine.Backtest(ctx, engine.BacktestOptions{
		Series: c.Series, Signals: c.Signals, Events: c.Events, Origins: c.Origins, Out: c.Out, BreachOut: c.BreachOut, Seed: c.Seed,
		Log:  func(msg string, args ...any) { g.log.Info(msg, args...) },
		Warn: func(msg string, args ...any) { g.log.Warn(msg, args...) },
	})
}
