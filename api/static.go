package api

import (
	"context"
	"encoding/json"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"surgecast"
)

const (
	// pageCSP lets the dashboard load its own files and nothing else; no inline script, no inline style.
	pageCSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	// plainCSP is for pages drawn by the server: no script at all; their pictures carry inline styles.
	plainCSP = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

// looking are the methods of pages and health checks; many load balancers ask with HEAD.
var looking = []string{http.MethodGet, http.MethodHead}

func (s *Server) staticRoutes() {
	s.engine.Match(looking, "/", s.overviewPage)
	s.engine.Match(looking, "/sites/:site", s.sitePage)
	for _, page := range []string{"/check", "/plan", "/reviews", "/reviews/:id", "/topics", "/topics/:topic", "/setup"} {
		s.engine.Match(looking, page, s.appPage)
	}
	s.engine.POST(loginPath, s.login)
	s.engine.Match(looking, "/status/:site", s.statusPage)
	s.engine.Match(looking, "/s/:token", s.sharedPage)
	s.engine.Match(looking, "/s/:token/card.png", s.sharedCard)
}

// static answers what no route does: a file of the dashboard, or a problem.
func (s *Server) static(c *gin.Context) {
	name := strings.TrimPrefix(path.Clean(c.Request.URL.Path), "/")
	read := c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead
	if read && !strings.HasPrefix(name, "v1/") && name != "" && name != "index.html" {
		cache := "no-cache"
		if strings.HasPrefix(name, "assets/") { // named after their content
			cache = "public, max-age=31536000, immutable"
		}
		csp := pageCSP
		if strings.HasPrefix(name, "docs/") {
			csp = docsCSP
		}
		if s.file(c, name, csp, cache) {
			return
		}
	}
	remedy := "See /docs for what there is."
	if meant := s.withoutSlash(c.Request); meant != "" {
		remedy = "Leave out the slash at the end: " + meant
	}
	s.refuse(c, problem(http.StatusNotFound, codeNoRoute, "there is nothing at this address", remedy))
}

// file serves one file of the dashboard and reports whether there is one.
func (s *Server) file(c *gin.Context, name, csp, cache string) bool {
	if s.c.Dashboard == nil || !fs.ValidPath(name) {
		return false
	}
	for _, part := range strings.Split(name, "/") {
		if strings.HasPrefix(part, ".") { // placeholders are no files of the dashboard
			return false
		}
	}
	b, err := fs.ReadFile(s.c.Dashboard, name)
	if err != nil {
		return false
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	c.Header("Content-Security-Policy", csp)
	c.Header("Cache-Control", cache)
	send(c, kind, b)
	return true
}

// plain reports whether the page is to be drawn here: because it was asked for, or because there is no
// built dashboard. The built one links here from its noscript part.
func (s *Server) plain(c *gin.Context) bool {
	if c.Query("plain") == "1" || s.c.Dashboard == nil {
		return true
	}
	_, err := fs.Stat(s.c.Dashboard, "index.html")
	return err != nil
}

// appPage is a page only the built dashboard has.
func (s *Server) appPage(c *gin.Context) {
	if s.file(c, "index.html", pageCSP, "no-cache") {
		return
	}
	s.refuse(c, problem(http.StatusNotFound, codeNoRoute, "this page needs the dashboard, which is not built here", "Build it with Node.js and `make web`, or use the API: /docs has every route. The overview and the sites' pages work without it."))
}

func (s *Server) overviewPage(c *gin.Context) {
	if !s.plain(c) && s.file(c, "index.html", pageCSP, "no-cache") {
		return
	}
	who, ok := s.visitor(c)
	if !ok {
		return
	}
	list, err := s.worklist(who, &sitesIn{PageQuery: PageQuery{Limit: 500}}, s.now())
	if err != nil {
		s.refuse(c, problemOf(err))
		return
	}
	s.draw(c, "overview", list.Body)
}

// sitePageDoc is what the site's page is drawn from: the documents of the three routes.
type sitePageDoc struct {
	Forecast ForecastBody   `json:"forecast"`
	Risk     RiskBody       `json:"risk"`
	Capacity CapacityAnswer `json:"capacity"`
	Shared   *sharedDoc     `json:"shared,omitempty"`
}

// sharedDoc is what the page of a signed link says of itself, to its reader and to whoever shows a preview of it.
type sharedDoc struct {
	URL   string    `json:"url"`
	Image string    `json:"image"`
	Until time.Time `json:"until"`
}

func (s *Server) sitePage(c *gin.Context) {
	if !s.plain(c) && s.file(c, "index.html", pageCSP, "no-cache") {
		return
	}
	who, ok := s.visitor(c)
	if !ok {
		return
	}
	s.drawSite(c, who, c.Param("site"), nil)
}

// drawSite draws one site's page for who may see it.
func (s *Server) drawSite(c *gin.Context, who identity, slug string, shared *sharedDoc) {
	doc, err := s.siteDocs(withCaller(c.Request.Context(), who), slug)
	if err != nil {
		s.refuse(c, problemOf(err))
		return
	}
	doc.Shared = shared
	s.draw(c, "site", doc)
}

// siteDocs are the documents a site's page and its card are drawn from: an hour back and an hour ahead.
func (s *Server) siteDocs(ctx context.Context, slug string) (sitePageDoc, error) {
	site, total := SitePath{slug}, SegmentQuery{surgecast.TotalSegment}
	f, err := s.forecast(ctx, &forecastIn{SitePath: site, SegmentQuery: total, Horizon: 60, History: 60})
	if err != nil {
		return sitePageDoc{}, err
	}
	r, err := s.risk(ctx, &riskIn{site, total})
	if err != nil {
		return sitePageDoc{}, err
	}
	u, err := s.capacity(ctx, &site)
	if err != nil {
		return sitePageDoc{}, err
	}
	return sitePageDoc{Forecast: f.Body, Risk: r.Body, Capacity: u.Body}, nil
}

// visitor is who looks at a drawn page; without a session it shows where to log in.
func (s *Server) visitor(c *gin.Context) (identity, bool) {
	who, p := s.identify(c.Request)
	switch {
	case p == nil && who.may(surgecast.ScopeRead):
		return who, true
	case p == nil:
		p = problem(http.StatusForbidden, codeScope, "this key has no scope read", "Use a key with scope read.")
		s.refuse(c, p)
	case p.Status == http.StatusUnauthorized:
		s.loginPage(c, http.StatusUnauthorized, "")
	default:
		s.refuse(c, p)
	}
	return who, false
}

func (s *Server) draw(c *gin.Context, page string, doc any) {
	if s.c.Draw == nil {
		s.refuse(c, problem(http.StatusNotFound, codeNoRoute, "this process has no pages", "Use the API under /v1, or build the dashboard with `make web`."))
		return
	}
	b, err := json.Marshal(doc)
	if err == nil {
		b, err = s.c.Draw(page, b)
	}
	if err != nil {
		p := problemOf(err)
		s.refuse(c, p)
		return
	}
	c.Header("Content-Security-Policy", plainCSP)
	if c.Writer.Header().Get("Cache-Control") == "" {
		c.Header("Cache-Control", "no-store")
	}
	c.Header("Refresh", "30") // as the page says of itself; a meta tag would fail accessibility checks
	c.Data(http.StatusOK, "text/html; charset=utf-8", b)
}

func (s *Server) loginPage(c *gin.Context, status int, message string) {
	c.Header("Content-Security-Policy", plainCSP)
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Type", "text/html; charset=utf-8")
	c.Status(status)
	_ = loginTemplate.Execute(c.Writer, message) // the client is gone: nobody is left to tell
}

var loginTemplate = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Surgecast: log in</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}input,button{font:inherit;padding:.5rem;width:100%;box-sizing:border-box;margin:.25rem 0}</style>
</head><body><h1>Surgecast</h1>{{with .}}<p role="alert">{{.}}</p>{{end}}
<form method="post" action="/login"><label for="key">Your key</label><input id="key" name="key" type="password" autocomplete="current-password" required><button>Log in</button></form>
<p>The operator makes keys with <code>forecaster key create</code>.</p></body></html>
`))
