// Package risk says what a forecast means for a site: how likely it is to be overwhelmed and when, by
// when someone must act, which state its episode is in, and all of it in words.
//
// What it promises:
//
//   - percentage, dots, time to breach and act-by are all read from one function R(h, C), the chance that
//     sustained demand passes C within h, so they cannot contradict each other;
//   - an unknown is a state of its own: missing numbers never make a site calm;
//   - a state changes through Next only, and every change is returned as a transition that can be stored
//     and replayed; the machine is a plain struct without a clock;
//   - Say writes every sentence the product shows about a site. Pages, terminal, webhooks and the public
//     status page repeat it and never compose their own.
//
// The package reads no clock and no storage.
package risk
