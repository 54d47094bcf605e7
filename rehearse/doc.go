// Package rehearse turns results of load tests into capacity, and forecasts into load tests.
//
// What it promises of results: they are told apart by what they hold, never by their name; every unit is the
// tool's own (nanoseconds, milliseconds, shares, percentages) and is turned into requests a minute and
// milliseconds here; what a tool did not report is NaN, not zero; a file that cannot be read names the line or
// field and what to do. Nothing is executed, and nothing is read beyond MaxBytes.
//
// What it promises of capacity: nothing is said of more units than were tested, and no peak is named unless it
// lies within the tested range and the fit is certain of it.
//
// What it promises of scripts: they hold no address. Whoever runs one names the target in the environment; without
// it a script refuses to begin, and it stops by itself when errors or answer times pass the guard.
//
// It has no clock and no storage; both arrive as arguments.
package rehearse
