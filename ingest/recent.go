package ingest

// recent counts things by 64-bit key over the ten minutes up to a given one: sixteen bytes a key, a nibble a
// minute. It answers from what lies in the window alone, so that reading ten minutes again rebuilds it.
//
// When it is full, keys whose ten minutes are over go first; if that frees nothing, new keys are refused and
// counted as if seen for the first time, and the refusals are counted.
type recent struct {
	slots   []recentSlot
	n       int
	most    int   // keys that have room
	purged  int64 // the minute in which what is over was forgotten last
	refused int64
}

type recentSlot struct {
	key    uint64
	counts uint64 // ten nibbles, the newest lowest; 24 bits above them: the newest minute + 1, modulo 2^24; 0: empty
}

const (
	windowMinutes = 10
	nibbles       = 4 * windowMinutes
	nibbleMask    = 1<<nibbles - 1
	minuteMask    = 1<<24 - 1
)

// count notes key at a minute (Unix minutes) and returns how often it was noted before in the ten minutes
// that end with it, at most 15 for each.
func (r *recent) count(key uint64, minute int64) (before int) {
	if r.n >= r.most && (len(r.slots) < recentMost || r.purged != minute) {
		r.grow(minute)
	}
	mask := uint64(len(r.slots) - 1)
	for i := mix(key) & mask; ; i = (i + 1) & mask {
		s := &r.slots[i]
		if s.counts == 0 {
			if r.n >= r.most {
				r.refused++
				return 0
			}
			r.n++
			*s = recentSlot{key, uint64((minute+1)&minuteMask)<<nibbles | 1}
			return 0
		}
		if s.key != key {
			continue
		}
		newest := int64(s.counts >> nibbles)
		age := ((minute + 1) - newest) & minuteMask // minutes since the newest, modulo 2^24
		if age > minuteMask/2 {                     // it is older than the newest by back
			back := int(minuteMask + 1 - age)
			if back >= windowMinutes {
				return 0
			}
			before = sum(s.counts & nibbleMask >> (4 * back))
			s.counts = bump(s.counts, back)
			return before
		}
		c := s.counts & nibbleMask
		if age >= windowMinutes {
			c = 0
		} else {
			c = c << (4 * age) & nibbleMask
		}
		before = sum(c)
		s.counts = bump(uint64((minute+1)&minuteMask)<<nibbles|c, 0)
		return before
	}
}

func sum(c uint64) (n int) {
	for ; c != 0; c >>= 4 {
		n += int(c & 15)
	}
	return n
}

func bump(c uint64, back int) uint64 {
	if c>>(4*back)&15 == 15 {
		return c
	}
	return c + 1<<(4*back)
}

// grow makes room: by forgetting what is over, and by doubling while that is allowed.
func (r *recent) grow(minute int64) {
	old := r.slots
	live := 0
	for _, s := range old {
		if s.counts != 0 && !over(s, minute) {
			live++
		}
	}
	size := max(1024, len(old))
	if 2*live > size && size < recentMost {
		size *= 2
	}
	r.slots, r.n, r.most, r.purged = make([]recentSlot, size), 0, size*3/4, minute
	mask := uint64(size - 1)
	for _, s := range old {
		if s.counts == 0 || over(s, minute) {
			continue
		}
		i := mix(s.key) & mask
		for r.slots[i].counts != 0 {
			i = (i + 1) & mask
		}
		r.slots[i] = s
		r.n++
	}
}

// recentMost is the largest table: 2^20 slots, 16 MiB.
const recentMost = 1 << 20

func over(s recentSlot, minute int64) bool {
	age := ((minute + 1) - int64(s.counts>>nibbles)) & minuteMask
	return age >= windowMinutes && age <= minuteMask/2
}

// mix spreads a key over the table (the finaliser of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
