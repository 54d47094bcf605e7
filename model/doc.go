// Package model forecasts one series of counts: its quantiles at every lead, the highest value in a
// window, and the risk that this passes a level. It is pure numerics: no clock, no names, no storage.
//
// # What happens in a step
//
// Let y be the count of a step and z = log(1+y). Everything below lives on the scale of z.
//
//	profile    S_t      what time of day and time of week usually bring                  profile.go
//	events     E        what planned events add to S around their start                  events.go
//	residual   r_t      z_t − S_t
//	memories   s_k      exponential means of r over τ_k steps, short to a week           memory.go
//	recent              the last values, running means, the same time yesterday          recent.go
//	trend      L, T     damped trend of r, for ramps that outlast a few steps            trend.go
//	experts    c_j(h)   ways to say z_{t+h}: last value, mean, profile + level …         experts.go
//	ridge      β_h      an expert that weighs memories, learnt for each lead             ridge.go
//	scale      σ_h      how wrong we expect to be now                                    scale.go
//	trackers   Q_j(p)   quantiles of z − c_j: a place and a width in σ, followed online  tracker.go
//	mixture    v_j      votes of the experts for each group of levels; some still sleep  mixture.go
//	drift      a        a young series leaves its level: weight to the last value        drift.go
//	maxima     m_j(p)   experts on the highest value M of a window                       maxima.go
//	stack               one probability P(M > C) of the experts on M and of past windows stack.go
//	horizon             the curve of P(M > C) over all C, and its inverse                horizon.go, risk.go
//
// When a step arrives, each forecast made for it earlier is first judged and learnt from (lead.go);
// then profile and memories take the value in; then new forecasts are made. So no forecast can know
// its future: what was made at step t used nothing after t.
//
// # What a series has beside it
//
//	transfer   G        visits that mentions bring: Σ_sj g_s β_sj (k_j ∗ d_s)            transfer.go, lift.go
//	driven              a series freed of G beside one that never heard of it, weighed   driven.go
//	topic               the same profile, memories and trackers in a kilobyte, for talk  topic.go
//	alarm               peaks over a threshold, on raw counts                            alarm.go
//	words               doubling time, decay, and when neither can be told               words.go
//
// A forecast is asked for at any lead (interpolate.go), and kept and restored bit by bit (snapshot.go).
//
// # Promises
//
//   - The same steps give the same bits, also across a snapshot and restore (snapshot.go).
//   - Step and Forecast allocate nothing, and every number they give is finite.
//   - Quantiles rise with the level; Risk falls with the capacity and rises with the horizon.
//   - A missing step teaches nothing; a saturated step (a lower bound) teaches only upwards.
//
// A letter means what the head of its file says: s_k is a memory by its place and s_3 the one of three steps, ℓ the level of
// the profile and ℓ_j a loss, n the steps observed by a series and the lessons of a lead or a tracker. Most of the parts
// are not exported: `go doc -u -all` has them all. Sources are named beside each equation. Constants come from public series of tweets, web logs, page
// views and taxi rides; docs/decisions says which were tried.
package model

// Version names the arithmetic: forecasts of one version can be reproduced from the same steps.
const Version = "7"
