package main

import "testing"

// Two processes on one database never have the same name in leases, also as process 1 of two containers on one host:
// each would take the other for itself. Fails when: newHolder leaves out the random part.
func TestHoldersDiffer(t *testing.T) {
	if a, b := newHolder(false), newHolder(false); a == b {
		t.Errorf("two processes are both %s", a)
	}
	if a, b := newHolder(true), newHolder(true); a != b {
		t.Errorf("the next process of a private database is %s, not %s: it waits for a lease that nobody holds", b, a)
	}
}
