package ingest

// seen remembers the ids of events for about two minutes, in two tables that take turns: when the younger
// one is full or a minute old, the elder is forgotten. At the rate of all of Bluesky that is two minutes of
// every event; in the worst burst it is still the last million.
type seen struct {
	young, elder idTable
	turn         int64 // when the younger began, Unix microseconds of the feed
}

const (
	seenTurn = 60e6 // microseconds
	seenMost = 1 << 20
)

// add notes an id at a time of the feed and says whether it was there already. Zero is no id.
func (s *seen) add(id uint64, at int64) (again bool) {
	if id == 0 {
		return false
	}
	if s.young.n >= seenMost || at-s.turn > seenTurn {
		s.young, s.elder = s.elder, s.young
		s.young.reset()
		s.turn = at
	}
	return s.elder.has(id) || !s.young.add(id)
}

// idTable is an open-addressed set of ids that are hashes already; it grows by doubling, up to twice
// seenMost slots of 8 bytes.
type idTable struct {
	slots []uint64
	n     int
}

func (t *idTable) reset() {
	clear(t.slots)
	t.n = 0
}

func (t *idTable) has(id uint64) bool {
	if t.n == 0 {
		return false
	}
	mask := uint64(len(t.slots) - 1)
	for i := id & mask; ; i = (i + 1) & mask {
		switch t.slots[i] {
		case id:
			return true
		case 0:
			return false
		}
	}
}

// add says whether the id is new.
func (t *idTable) add(id uint64) bool {
	if 2*(t.n+1) > len(t.slots) {
		old := t.slots
		t.slots = make([]uint64, max(1024, 2*len(old)))
		t.n = 0
		for _, x := range old {
			if x != 0 {
				t.add(x)
			}
		}
	}
	mask := uint64(len(t.slots) - 1)
	for i := id & mask; ; i = (i + 1) & mask {
		switch t.slots[i] {
		case id:
			return false
		case 0:
			t.slots[i] = id
			t.n++
			return true
		}
	}
}

// all appends every id to out.
func (t *idTable) all(out []uint64) []uint64 {
	for _, id := range t.slots {
		if id != 0 {
			out = append(out, id)
		}
	}
	return out
}
