package main

import (
	"math"

	"surgecast/api"
)

// limitFlags bound what one caller may ask of this process (docs/operations.md). /scale, health checks and KEDA's gRPC
// have no limit.
type limitFlags struct {
	Reads  float64 `env:"SURGECAST_LIMIT_READS" default:"200" help:"Reads a second of one key, besides those from memory; 0: no limit."`
	Writes float64 `env:"SURGECAST_LIMIT_WRITES" default:"50" help:"Changes a second of one key; 0: no limit."`
	Pushes float64 `env:"SURGECAST_LIMIT_PUSHES" default:"200" help:"Pushes of counts a second of one key or sender; 0: no limit."`
	Public float64 `env:"SURGECAST_LIMIT_PUBLIC" default:"200" help:"Public pages a second of one address. Behind a proxy all visitors share its address; 0: no limit."`
	PushMB int     `name:"push-mb" env:"SURGECAST_LIMIT_PUSH_MB" default:"5" help:"Megabytes of one push, after decompression: 1 to 64."`
}

// mostRate is the highest limit that is one.
const mostRate = 1e6

// limits are the api's, with the operator's rates; how many may come at once grows with them.
func (f *limitFlags) limits() (*api.Limits, error) {
	l := api.DefaultLimits()
	for _, x := range []struct {
		flag string
		rate float64
		to   *api.Limit
	}{{"reads", f.Reads, &l.Read}, {"writes", f.Writes, &l.Write}, {"pushes", f.Pushes, &l.Push}, {"public", f.Public, &l.Public}} {
		switch {
		case !(x.rate >= 0 && x.rate <= mostRate):
			return nil, usage("--limit-%s %g: use requests a second up to a million, or 0 for no limit", x.flag, x.rate)
		case x.rate == 0:
			*x.to = api.Limit{}
		default:
			x.to.Burst = max(1, int(math.Ceil(float64(x.to.Burst)*x.rate/x.to.PerSecond)))
			x.to.PerSecond = x.rate
		}
	}
	if f.PushMB < 1 || f.PushMB > 64 {
		return nil, usage("--limit-push-mb %d: use 1 to 64", f.PushMB)
	}
	return &l, nil
}
