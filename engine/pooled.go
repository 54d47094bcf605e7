package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"surgecast"
	"surgecast/model"
)

// What a mention brings differs from site to site less than from one guess to the next: a new site starts from what the
// account's other sites of its kind have learnt, shrunk to the shipped prior (empirical Bayes, MODEL 4.4). With x_i the
// logarithm of what a mention of one class brings to site i, known with variance v_i, and m₀ the shipped one:
//
//	x_i ~ N(μ, A + v_i)     μ ~ N(m₀, s₀²)
//	A  = (3 A₀ + (n−1) max(0, Var(x) − mean v)) / (n+2)     between sites: moments, shrunk to A₀ = 1.5²
//	μ̂  = (m₀/s₀² + Σ x_i/(A+v_i)) / (1/s₀² + Σ 1/(A+v_i))
//
// and the new site's is N(μ̂, A + 1/(1/s₀² + Σ …)): its median, and a width that shrinks in proportion. One or two odd
// sites move little; ten that agree move almost all the way. It is drawn once, with the site's first minute, and kept
// beside its model: a restart reads what was drawn and does not draw again.
const (
	betweenSites  = 1.5 * 1.5 // A₀, MODEL 4.3
	shippedOff    = .5 * .5   // s₀²
	betweenWeight = 3.        // sites that A₀ counts as
	knownVariance = .3 * .3   // of the logarithm: a site that knows it no better teaches nobody
	knownDays     = 3
	narrowest     = .3 // of Driver.Together
	shippedWidth  = 1.5
)

// prior is what one class of sources was expected to bring when a site's model began.
type prior struct {
	Kappa    float64 `json:"kappa"`
	Together float64 `json:"together"`
}

// learnt is what one class of sources has turned out to bring to a site.
type learnt struct {
	Log float64 `json:"log"`
	Var float64 `json:"var"` // 0: not known well
}

// conversions are what a site has learnt, as it is stored for others: series "conv:site:", a small row of JSON.
type conversions struct {
	Account   int64              `json:"account"`
	Kind      surgecast.SiteKind `json:"kind"`
	Simulated bool               `json:"simulated"`
	Classes   []learnt           `json:"classes"` // in the order of classes

	site int64
}

const conversionsPrefix = "conv:"

// conversions are what the track has to teach; false when that is nothing.
func (t *track) conversions() (surgecast.ModelState, bool) {
	if t.key.segment != surgecast.TotalSegment || t.days() < knownDays {
		return surgecast.ModelState{}, false
	}
	c := conversions{Account: t.site.AccountID, Kind: t.site.Kind, Simulated: t.site.Simulated, Classes: make([]learnt, len(classes))}
	any := false
	for i := range classes {
		if x, v, ok := t.series.Conversion(i); ok && v > 0 && v <= knownVariance {
			c.Classes[i], any = learnt{x, v}, true
		}
	}
	blob, err := json.Marshal(c)
	if err != nil || !any {
		return surgecast.ModelState{}, false
	}
	return surgecast.ModelState{Series: fmt.Sprintf("%s%d:", conversionsPrefix, t.key.site), Origin: t.run.Origin, Blob: blob}, true
}

// priors draws what a new site's classes are expected to bring; nil: as shipped.
func (e *Engine) priors(ctx context.Context, site surgecast.Site, segment string) ([]prior, error) {
	if segment != surgecast.TotalSegment || len(e.links[site.ID]) == 0 {
		return nil, nil
	}
	if e.pool == nil {
		states, err := e.cfg.Store.States(ctx, conversionsPrefix)
		if err != nil {
			return nil, fmt.Errorf("reading what a mention brings to other sites: %w", err)
		}
		e.pool = make([]conversions, 0, len(states))
		for _, s := range states {
			var c conversions
			id, err := strconv.ParseInt(strings.TrimSuffix(s.Series[len(conversionsPrefix):], ":"), 10, 64)
			if err != nil || json.Unmarshal(s.Blob, &c) != nil || len(c.Classes) != len(classes) {
				continue // of another version: it is written anew within the hour
			}
			c.site = id
			e.pool = append(e.pool, c)
		}
	}
	var out []prior
	moved := false
	for i := range classes {
		var others []learnt
		for _, c := range e.pool {
			if c.Account == site.AccountID && c.Kind == site.Kind && c.Simulated == site.Simulated && c.site != site.ID && c.Classes[i].Var > 0 {
				others = append(others, c.Classes[i])
			}
		}
		moved = moved || len(others) > 0
		out = append(out, pooled(classes[i].driver.Kappa, others))
	}
	if !moved {
		return nil, nil
	}
	return out, nil
}

// pooled is the prior of one class when other sites have learnt this much of it.
func pooled(shipped float64, others []learnt) prior {
	if len(others) == 0 {
		return prior{shipped, shippedWidth}
	}
	n, mean, known := float64(len(others)), 0., 0.
	for _, o := range others {
		mean, known = mean+o.Log/n, known+o.Var/n
	}
	apart := 0.
	for _, o := range others {
		apart += (o.Log - mean) * (o.Log - mean) / max(n-1, 1)
	}
	a := (betweenWeight*betweenSites + (n-1)*max(apart-known, 0)) / (betweenWeight + n - 1)
	weight := 1 / shippedOff
	sum := math.Log(shipped) * weight
	for _, o := range others {
		w := 1 / (a + o.Var)
		weight, sum = weight+w, sum+w*o.Log
	}
	width := shippedWidth * math.Sqrt((a+1/weight)/(betweenSites+shippedOff))
	return prior{math.Exp(sum / weight), min(max(width, narrowest), shippedWidth)}
}

// driversOf are the regressors of a site with linked topics, from priors that were drawn for it or, nil, as shipped.
func driversOf(priors []prior) []model.Driver {
	out := make([]model.Driver, len(classes))
	for i := range classes {
		out[i] = classes[i].driver
		if i < len(priors) && priors[i].Kappa > 0 {
			out[i].Kappa, out[i].Together = priors[i].Kappa, priors[i].Together
		}
	}
	return out
}
