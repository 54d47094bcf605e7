package notify

import "sync"

// gate bounds the attempts under way to one endpoint, so that one receiver that hangs does not hold
// every worker.
type gate struct {
	mu    sync.Mutex
	limit int
	under map[string]int
}

func newGate(limit int) *gate { return &gate{limit: limit, under: map[string]int{}} }

func (g *gate) enter(endpoint string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.under[endpoint] >= g.limit {
		return false
	}
	g.under[endpoint]++
	return true
}

func (g *gate) leave(endpoint string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.under[endpoint]--; g.under[endpoint] == 0 {
		delete(g.under, endpoint)
	}
}

// broadcast wakes everybody who waits.
type broadcast struct {
	mu sync.Mutex
	c  chan struct{}
}

func newBroadcast() *broadcast { return &broadcast{c: make(chan struct{})} }

// wait returns a channel that is closed by the next send.
func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.c
}

func (b *broadcast) send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.c)
	b.c = make(chan struct{})
}
