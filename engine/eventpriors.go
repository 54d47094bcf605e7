package engine

import (
	"surgecast"
	"surgecast/model"
)

// eventPrior is what an event brings before a site has seen one: visits a person reached, all in all, and
// the standard deviation of its logarithm. The shape in time is the model's (model/eventshape.go).
//
// Traffic is counted in requests, and a visit makes several (requestsPerVisit). A site that counts page views has
// fewer of them, one that counts every picture more; it learns its own with the first event of a kind. That, and how
// differently audiences answer, is why the spreads are wide.
type eventPrior struct {
	visits, sd float64
}

// requestsPerVisit is how many requests a visit makes until a site's own events tell: what GET …/admission assumes too.
// Judgement.
const requestsPerVisit = 10

// sizeSD is the spread of an event's size when nobody said how many people are told (MODEL 6.4:
// A ~ LogNormal(log median of the kind, 0.8)).
const sizeSD = .8

// eventPriors are by kind of event, for every kind of site; siteEventPriors are where a kind of site differs.
var eventPriors = map[surgecast.EventKind]eventPrior{
	// Nothing is published of visits a person told of a sale: as a mailing of a shop that somebody wants, twice
	// its click rate, and as much again from who was only told of it. Judgement.
	surgecast.EventSale: {.03, 1.3},
	// Clicks a mail delivered: 2.3 % over all industries, .7 % (retail) to 4.4 % (Campaign Monitor, benchmarks
	// of 2022, 100 billion mails). Half of the industries lie within e^.4 of the mean; lists differ more.
	surgecast.EventNewsletter: {.023, .9},
	// 0.1 % of the audience (MODEL 4.3, from the search lift of Du, Xu and Wilbur 2019); log-sd there.
	surgecast.EventTVSpot: {.001, 1.2},
	// Reach is followers. 1.3e-4 clicks a potential view of any share of a news link (Gabielkov et al.,
	// SIGMETRICS 2016); .1–.5 % of impressions for a post of somebody followed for it (MODEL 4.1, weak). The
	// geometric mean of the former and 2e-3, and as wide as a fast feed (MODEL 4.3).
	surgecast.EventCelebrityPost: {5e-4, 1.5},
	// Direct opens of push notifications, iOS and Android: 1.8 and 3.5 % (Leanplum 2016), 2.0 and 6.1 % (Appboy
	// 2016, 6.5 billion), clicks 4.9 and 10.7 % (Accengage 2018, 50 billion). The middle of these.
	surgecast.EventPush: {.04, .9},
	// Reach is people who were told and can buy. More come than buy, and they reload. Judgement: one in five
	// makes one visit that counts; the largest sales were far beyond (MODEL 1.3), hence the spread.
	surgecast.EventOnSale: {.2, 1.3},
	// A mailing's click rate: people look, there is nothing to do yet. Judgement.
	surgecast.EventAnnouncement: {.02, 1.2},
	// Reach is people who follow it. One in a hundred looks something up. Judgement.
	surgecast.EventMatch: {.01, 1.3},
	// Reach is readers alerted: as a push notification that cannot wait. Judgement.
	surgecast.EventBreaking: {.06, 1.2},
	// Reach is people who get to see a link: 3.4 clicks a share against 26,800 views of it is 1.3e-4 (Gabielkov
	// et al. 2016); of one's own channels it is nearer a mailing. The geometric mean of the two. Judgement.
	surgecast.EventArticle: {.002, 1.5},
}

// siteEventPriors replace those of eventPriors for a kind of site.
var siteEventPriors = map[surgecast.SiteKind]map[surgecast.EventKind]eventPrior{
	// Mails: retail .7 %, media and entertainment 2.9 %, travel and leisure 1.4 % (Campaign Monitor 2022); a
	// venue between the last two. Push: retail about 3 %, media about 9 % (vendors' tables, weak evidence).
	surgecast.KindShop:     {surgecast.EventNewsletter: {.007, .9}, surgecast.EventPush: {.03, .9}},
	surgecast.KindVenue:    {surgecast.EventNewsletter: {.02, .9}},
	surgecast.KindNewsroom: {surgecast.EventNewsletter: {.029, .9}, surgecast.EventPush: {.08, .9}},
}

func priorOf(site surgecast.SiteKind, k surgecast.EventKind) eventPrior {
	if p, ok := siteEventPriors[site][k]; ok {
		return p
	}
	return eventPriors[k]
}

// shapeOf is the course of a kind of event in time.
func shapeOf(k surgecast.EventKind) model.EventShape {
	switch k {
	case surgecast.EventSale:
		return model.ShapeSale
	case surgecast.EventNewsletter:
		return model.ShapeNewsletter
	case surgecast.EventTVSpot:
		return model.ShapeTVSpot
	case surgecast.EventCelebrityPost:
		return model.ShapeCelebrity
	case surgecast.EventPush:
		return model.ShapePush
	case surgecast.EventOnSale:
		return model.ShapeOnSale
	case surgecast.EventAnnouncement, surgecast.EventArticle: // both are read as articles are
		return model.ShapeAnnouncement
	case surgecast.EventMatch:
		return model.ShapeMatch
	case surgecast.EventBreaking:
		return model.ShapeBreaking
	}
	return model.ShapeUnknown
}
