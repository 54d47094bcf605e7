// Package capacity turns a forecast of demand into units: how many a site should ask for now, over
// the next hours, and why.
//
// What it promises of every answer of Recommend, whatever the forecast says:
//
//   - it is never below what the demand measured now needs (only a person's max_units, a freeze or an
//     override can make it so);
//   - it falls by at most 10 % in any 5 minutes (u units below 10 by one, after 50/u minutes),
//     unless a person's max_units or override asks for less;
//   - it at most doubles in any 5 minutes, counted from what ran in them: what was answered, what served or
//     min_units, whichever is most (from nothing, one unit). What demand measured now needs and an override go past
//     that;
//   - it never falls because something is unknown;
//   - mentions alone lift it to at most twice the measured demand, until traffic confirms them or a
//     planned event covers them;
//   - it is a number an autoscaler acts on: a rise within its 10 % tolerance is widened past it;
//   - while a site is not in mode act, the answer is min_units and the rest stands in WouldBeUnits.
//
// It also holds what tells a site's capacity from measurements, the scalability law fitted to load
// tests (USL); package erlang beside it holds how long requests wait for one of several workers. It has no clock, no names, no storage: everything arrives as an argument.
package capacity
