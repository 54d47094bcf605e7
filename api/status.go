package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"surgecast"
)

// StatusBody is what visitors of a site may know.
type StatusBody struct {
	Site         string     `json:"site"`
	Name         string     `json:"name"`
	Word         string     `json:"word"`
	Sentence     string     `json:"sentence"`
	Words        string     `json:"words" doc:"The owner's own"`
	Part         string     `json:"part" doc:"What is affected; empty: the whole site"`
	Since        *time.Time `json:"since"`
	BackBy       *time.Time `json:"back_by" doc:"Late end of the estimate"`
	Reference    string     `json:"reference" doc:"What visitors quote when they ask"`
	UpdatedAt    time.Time  `json:"updated_at"`
	TimeZone     string     `json:"time_zone"`
	Simulated    bool       `json:"simulated"`
	RefreshAfter int        `json:"refresh_seconds"`
}

// NoticeBody is what the owner says on a site's public page.
type NoticeBody struct {
	Shown     bool       `json:"shown" doc:"The page is public"`
	Part      string     `json:"part" maxLength:"80" required:"false" doc:"What is affected: Checkout. Empty: the whole site"`
	Words     string     `json:"words" maxLength:"500" required:"false" doc:"Your own words, shown as they are"`
	Ahead     bool       `json:"ahead" required:"false" doc:"Announce an alert before anything is over capacity"`
	Reference string     `json:"reference" maxLength:"40" required:"false" doc:"What visitors quote; default: made here"`
	Since     *time.Time `json:"since" required:"false" doc:"Declares an outage, since when; null: none"`
	BackFrom  *time.Time `json:"back_from" required:"false" doc:"Honest estimate of its end, early end (1 in 2)"`
	BackBy    *time.Time `json:"back_by" required:"false" doc:"Late end (9 in 10); this one is shown"`
	By        string     `json:"by" maxLength:"250" required:"false" doc:"Who says so; default the name of the key, which otherwise stands beside it"`
	SetAt     *time.Time `json:"set_at" required:"false" readOnly:"true"`
}

type (
	publicStatusOut struct {
		CacheControl string `header:"Cache-Control"`
		Body         StatusBody
	}
	noticeOut struct{ Body NoticeBody }
	noticeIn  struct {
		SitePath
		Body NoticeBody
	}
)

// statusCache is how long a status page may be kept by whatever stands between it and its readers, in
// seconds: an outage brings many of them.
const statusCache = "public, max-age=30"

func (s *Server) statusRoutes() {
	op := operation("GET", "/v1/status/{site}", "get-status", "What visitors of a site may know")
	op.Description = "Public, without a key, once the owner has shown it. Never requests, units, topics or chances."
	register(s, op, "", s.publicStatus)
	register(s, operation("GET", "/v1/sites/{site}/notice", "get-notice", "What the public page says"), surgecast.ScopeRead, s.notice)
	op = operation("PUT", "/v1/status/{site}", "put-status", "Say what the public page says")
	op.Description = "The page is public while shown is true. since declares an outage; null takes it back."
	register(s, op, surgecast.ScopeWrite, s.putStatus)
}

// publicSite is a site with a page that is shown. Public pages are of the main account: a visitor has no key that
// would tell accounts apart.
func (s *Server) publicSite(ctx context.Context, slug string) (standing, []surgecast.Notice, error) {
	st, ok := s.memory.of(surgecast.DefaultAccount, slug)
	if !ok || s.c.SayStatus == nil {
		return standing{}, nil, noPublicPage()
	}
	notices, err := s.notices.of(ctx, s.c.Wall(), st.site.ID)
	if err != nil {
		return standing{}, nil, err
	}
	if len(notices) == 0 || !notices[0].Shown {
		return standing{}, nil, noPublicPage()
	}
	return st, notices, nil
}

// noPublicPage says the same of a page that is not public and of one that never was: which of them is nobody's business.
func noPublicPage() *Problem {
	return problem(http.StatusNotFound, codeNotFound, "there is no public page at this address", "Check the spelling. Whoever runs the site publishes its page in the dashboard: Setup, Public page.")
}

func (s *Server) publicStatus(ctx context.Context, in *SitePath) (*publicStatusOut, error) {
	st, notices, err := s.publicSite(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	now := s.now()
	f := st.total()
	checked := time.Time{}
	if f != nil {
		checked = f.Origin.Add(time.Duration(f.StepSeconds) * time.Second)
	}
	p := s.c.SayStatus(st.site, s.verdict(st, f, now), checked, notices, now)
	b := StatusBody{
		Site: st.site.Slug, Name: st.site.Name, Word: p.Word, Sentence: p.Sentence, Words: p.Words, Part: p.Part,
		Since: maybe(p.Since), BackBy: maybe(p.BackBy), Reference: p.Reference, UpdatedAt: now, TimeZone: st.site.TimeZone,
		Simulated: p.Simulated, RefreshAfter: 30,
	}
	return &publicStatusOut{statusCache, b}, nil
}

// statusPage is the same for people, drawn here: it works without script and is small.
func (s *Server) statusPage(c *gin.Context) {
	out, err := s.publicStatus(c.Request.Context(), &SitePath{c.Param("site")})
	if err != nil {
		s.refuse(c, problemOf(err))
		return
	}
	c.Header("Cache-Control", statusCache)
	s.draw(c, "status", out.Body)
}

func (s *Server) notice(ctx context.Context, in *SitePath) (*noticeOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	ns, err := s.c.Store.Notices(ctx, site.ID, 1)
	if err != nil {
		return nil, err
	}
	if len(ns) == 0 {
		return &noticeOut{}, nil
	}
	return &noticeOut{noticeBody(ns[0])}, nil
}

func (s *Server) putStatus(ctx context.Context, in *noticeIn) (*noticeOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	b, now := in.Body, s.now()
	n := surgecast.Notice{SiteID: site.ID, Shown: b.Shown, Part: b.Part, Words: b.Words, Ahead: b.Ahead, Reference: b.Reference, By: caller(ctx).author(b.By), SetAt: now}
	for _, t := range []struct {
		from *time.Time
		to   *time.Time
	}{{b.Since, &n.Since}, {b.BackFrom, &n.BackFrom}, {b.BackBy, &n.BackBy}} {
		if t.from != nil {
			*t.to = t.from.UTC()
		}
	}
	switch {
	case n.Since.After(now.Add(time.Minute)):
		return nil, invalid("since", "lies in the future", "An outage is declared once it is there.")
	case n.Since.IsZero() && (!n.BackBy.IsZero() || !n.BackFrom.IsZero()):
		return nil, invalid("since", "an end without a beginning", "Say since when it is down.")
	case !n.BackBy.IsZero() && !n.BackBy.After(now):
		return nil, invalid("back_by", "has passed", "Give a time that is still to come, or leave it out: that is said honestly too.")
	case !n.BackFrom.IsZero() && n.BackBy.Before(n.BackFrom):
		return nil, invalid("back_by", "lies before back_from", "back_from is the early end (1 in 2), back_by the late one (9 in 10).")
	}
	if n.Reference == "" && !n.Since.IsZero() {
		n.Reference = "N-" + surgecast.NewSecret(3)
		if old, err := s.c.Store.Notices(ctx, site.ID, 1); err == nil && len(old) > 0 && old[0].Since.Equal(n.Since) {
			n.Reference = old[0].Reference // one outage, one reference
		}
	}
	if err := s.c.Store.SetNotice(ctx, n); err != nil {
		return nil, err
	}
	s.notices.forget(site.ID)
	return &noticeOut{noticeBody(n)}, nil
}

func noticeBody(n surgecast.Notice) NoticeBody {
	return NoticeBody{
		Shown: n.Shown, Part: n.Part, Words: n.Words, Ahead: n.Ahead, Reference: n.Reference,
		Since: maybe(n.Since), BackFrom: maybe(n.BackFrom), BackBy: maybe(n.BackBy), By: n.By, SetAt: maybe(n.SetAt),
	}
}

func invalid(field, detail, remedy string) *Problem {
	p := problem(http.StatusUnprocessableEntity, codeInvalidValue, detail, remedy)
	p.Field = field
	return p
}
