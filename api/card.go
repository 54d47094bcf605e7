package api

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"surgecast"
)

// A card is a site's verdict as a picture, for a chat. The same picture is drawn once a forecast, whoever asks: a link
// in a busy channel is opened by many at once.

type cardOut struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	CacheControl       string `header:"Cache-Control"`
	Body               []byte
}

const (
	cardType  = "image/png"
	cardCache = "private, max-age=30"
)

func (s *Server) cardRoutes() {
	op := operation("GET", "/v1/sites/{site}/card", "site-card", "The verdict as a picture (PNG, 1200 × 630), for a chat")
	op.Description = "Drawn here from the sentence and the figures of /risk and /forecast. What is simulated says so in the picture."
	op.Responses = map[string]*huma.Response{"200": {Description: "The picture", Content: map[string]*huma.MediaType{
		cardType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}}
	register(s, op, surgecast.ScopeRead, s.card)
}

func (s *Server) card(ctx context.Context, in *SitePath) (*cardOut, error) {
	png, err := s.cardOf(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	return &cardOut{cardType, `inline; filename="` + in.Site + `.png"`, cardCache, png}, nil
}

// sharedCard is the picture of a signed link.
func (s *Server) sharedCard(c *gin.Context) {
	who, site, _, ok := s.openedShare(c)
	if !ok {
		return
	}
	png, err := s.cardOf(withCaller(c.Request.Context(), who), site.Slug)
	if err != nil {
		s.refuse(c, problemOf(err))
		return
	}
	c.Header("Cache-Control", cardCache)
	c.Data(http.StatusOK, cardType, png)
}

// cards keeps each site's last picture. The lock is held while one is drawn, so pictures never take more than one core.
type cards struct {
	mu   sync.Mutex
	last map[int64]drawnCard
}

type drawnCard struct {
	of  string // forecast and words
	png []byte
}

func (s *Server) cardOf(ctx context.Context, slug string) ([]byte, error) {
	st, err := s.standing(ctx, slug)
	if err != nil {
		return nil, err
	}
	if s.c.Draw == nil {
		return nil, problem(http.StatusServiceUnavailable, codeNotConfigured, "this process draws no pictures", "Ask another one.")
	}
	doc, err := s.siteDocs(ctx, slug)
	if err != nil {
		return nil, err
	}
	of := ""
	if doc.Risk.ForecastID != nil {
		of = *doc.Risk.ForecastID
	}
	of += doc.Risk.Verdict.Headline + doc.Risk.Verdict.Sentence + doc.Risk.Name
	s.cards.mu.Lock()
	defer s.cards.mu.Unlock()
	if was, ok := s.cards.last[st.site.ID]; ok && was.of == of {
		return was.png, nil
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	png, err := s.c.Draw("card", b)
	if err != nil {
		return nil, err
	}
	if s.cards.last == nil {
		s.cards.last = map[int64]drawnCard{}
	}
	s.cards.last[st.site.ID] = drawnCard{of, png}
	return png, nil
}
