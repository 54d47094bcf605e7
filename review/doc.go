// Package review judges forecasts after the fact: it lays what was written into the ledger beside what
// came, and beside what simple rules would have done with the same minutes.
//
// It promises that nothing is counted in our favour that could not have been known: every rule, ours
// included, is asked at the end of a minute with the minutes up to it, its units serve one lead time
// later through the same simulated fleet, and a warning counts from when it was issued, never from the
// minute it was about. Missing minutes are left out, not read as zero. Misses and false alarms stand in
// the report beside the hits.
//
// It leaves to others where the rows come from (store), how the report reaches a reader (cmd, api) and
// the clock: GeneratedAt is an argument.
//
// A Builder takes minutes, ledger rows, transitions and deliveries in the order of time and keeps only a
// few numbers of each, so a replay of months need not hold its ledger:
//
//	b := review.NewBuilder(review.Options{Site: site, From: from, To: to})
//	for _, m := range minutes { b.Minute(m) }
//	for _, f := range rows { b.Forecast(&f) }
//	report := b.Report()
//	report.Text(os.Stdout)
//
// Scores and Record answer for rows already at hand: how good the forecasts were by lead, and what became of
// the chances that were said.
package review
