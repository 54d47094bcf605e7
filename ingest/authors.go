package ingest

import "github.com/axiomhq/hyperloglog"

// authors counts different authors of one topic in one minute: exactly up to 64, with HyperLogLog (Flajolet
// et al. 2007, estimator of Qin et al. 2016, 4096 registers, standard error 1.04/√4096 = 1.6 %) beyond. What
// it says depends on the set of authors alone, so that reading a minute again says the same.
type authors struct {
	few    []uint64 // sorted by nothing; up to fewAuthors
	sketch *hyperloglog.Sketch
}

const (
	fewAuthors      = 64
	sketchPrecision = 12
	sketchBytes     = 1 << sketchPrecision
)

func (a *authors) add(author uint64) {
	if author == 0 {
		return
	}
	if a.sketch != nil {
		a.sketch.InsertHash(mix(author))
		return
	}
	for _, x := range a.few {
		if x == author {
			return
		}
	}
	if len(a.few) < fewAuthors {
		a.few = append(a.few, author)
		return
	}
	a.sketch, _ = hyperloglog.NewSketch(sketchPrecision, false) // a fixed precision in range
	for _, x := range a.few {
		a.sketch.InsertHash(mix(x))
	}
	a.few = nil
	a.sketch.InsertHash(mix(author))
}

func (a *authors) count() float64 {
	if a.sketch != nil {
		return float64(max(a.sketch.Estimate(), fewAuthors+1))
	}
	return float64(len(a.few))
}

// bytes is roughly what it takes.
func (a *authors) bytes() int {
	if a.sketch != nil {
		return sketchBytes
	}
	return 8 * cap(a.few)
}
