package main

import (
	"context"

	"surgecast/engine"
)

type backtestCmd struct {
	Series    string `required:"" type:"existingfile" help:"CSV timestamp_utc,series,value (.gz too)." placeholder:"FILE"`
	Origins   string `required:"" type:"existingfile" help:"CSV series,origin,horizon_steps,thresholds; thresholds separated by semicolons." placeholder:"FILE"`
	Out       string `required:"" help:"Forecasts are written here (.gz too; - is standard output)." placeholder:"FILE"`
	BreachOut string `name:"breach-out" help:"Chances that the maximum over the horizon passes each threshold are written here." placeholder:"FILE"`
	Signals   string `type:"existingfile" help:"CSV timestamp_utc,series,source,value: what was said, known up to the origin." placeholder:"FILE"`
	Events    string `type:"existingfile" help:"CSV series,kind,start_utc,end_utc,announced_utc: planned events, known once announced." placeholder:"FILE"`
	Seed      uint64 `hidden:"" help:"Seed of everything random; nothing is, today." default:"1"`
}

// Help is shown below the flags.
func (c *backtestCmd) Help() string {
	return `A forecast rests on what was known at its origin, and on nothing later. docs/backtest.md has the files, their units and
an example to paste.`
}

func (c *backtestCmd) Run(ctx context.Context, g *Global) error {
	return engine.Backtest(ctx, engine.BacktestOptions{
		Series: c.Series, Signals: c.Signals, Events: c.Events, Origins: c.Origins, Out: c.Out, BreachOut: c.BreachOut, Stdout: g.out, Seed: c.Seed,
		Log:  func(msg string, args ...any) { g.log.Info(msg, args...) },
		Warn: func(msg string, args ...any) { g.log.Warn(msg, args...) },
	})
}
