package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"surgecast"
)

// MarkBody is one thing a person did about a surge.
type MarkBody struct {
	Kind  string     `json:"kind" enum:"ack,unack,mute,unmute,note"`
	By    string     `json:"by"`
	Note  string     `json:"note"`
	Until *time.Time `json:"until"`
	At    time.Time  `json:"at"`
}

// AckNew says "I have it".
type AckNew struct {
	By   string `json:"by" maxLength:"100" required:"false" doc:"Who; default the name of the key, which otherwise stands beside it"`
	Note string `json:"note" maxLength:"500" required:"false"`
}

// MuteNew silences messages to people.
type MuteNew struct {
	Minutes int    `json:"minutes" minimum:"1" maximum:"120" required:"false" doc:"How long; default until the act-by"`
	By      string `json:"by" maxLength:"100" required:"false" doc:"Who; default the name of the key, which otherwise stands beside it"`
	Note    string `json:"note" maxLength:"500" required:"false"`
}

// NoteNew is a note.
type NoteNew struct {
	By   string `json:"by" maxLength:"100" required:"false" doc:"Who; default the name of the key, which otherwise stands beside it"`
	Note string `json:"note" minLength:"1" maxLength:"500"`
}

// SurgePath names a surge in the address.
type SurgePath struct {
	ID string `path:"id" maxLength:"60" doc:"Of the surge"`
}

type (
	ackIn struct {
		SurgePath
		Body AckNew `required:"false"`
	}
	muteIn struct {
		SurgePath
		Body MuteNew `required:"false"`
	}
	noteIn struct {
		SurgePath
		Body NoteNew
	}
	markOut struct{ Body MarkBody }
)

func (s *Server) markRoutes() {
	op := operation("POST", "/v1/surges/{id}/ack", "ack-surge", "I have it")
	op.Description = "Shown beside the surge. It clears itself in recovery, or when the chance has risen by half; checks go on."
	register(s, op, surgecast.ScopeWrite, func(ctx context.Context, in *ackIn) (*markOut, error) {
		return s.mark(ctx, in.ID, surgecast.SurgeMark{Kind: surgecast.MarkAck, By: in.Body.By, Note: in.Body.Note})
	})
	register(s, operation("DELETE", "/v1/surges/{id}/ack", "unack-surge", "Take the ack back"), surgecast.ScopeWrite, func(ctx context.Context, in *SurgePath) (*markOut, error) {
		return s.mark(ctx, in.ID, surgecast.SurgeMark{Kind: surgecast.MarkUnack})
	})
	op = operation("POST", "/v1/surges/{id}/mute", "mute-surge", "Silence messages about a surge")
	op.Description = "Silences surge.opened and surge.level_changed of this surge, at most two hours, never past the act-by and never past recovery. The autoscaler is never muted."
	register(s, op, surgecast.ScopeWrite, s.mute)
	register(s, operation("DELETE", "/v1/surges/{id}/mute", "unmute-surge", "Take the mute back"), surgecast.ScopeWrite, func(ctx context.Context, in *SurgePath) (*markOut, error) {
		return s.mark(ctx, in.ID, surgecast.SurgeMark{Kind: surgecast.MarkUnmute})
	})
	register(s, operation("POST", "/v1/surges/{id}/notes", "note-surge", "Write a note beside a surge"), surgecast.ScopeWrite, func(ctx context.Context, in *noteIn) (*markOut, error) {
		return s.mark(ctx, in.ID, surgecast.SurgeMark{Kind: surgecast.MarkNote, By: in.Body.By, Note: in.Body.Note})
	})
}

// mostMute: what is silent for longer is forgotten.
const mostMute = 2 * time.Hour

func (s *Server) mute(ctx context.Context, in *muteIn) (*markOut, error) {
	surge, err := s.surgeOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	now := s.now()
	until := now.Add(mostMute)
	if in.Body.Minutes > 0 {
		until = now.Add(time.Duration(in.Body.Minutes) * time.Minute)
	}
	if st, ok := s.memory.byID(surge.SiteID); ok && st.total() != nil && st.total().ActBy.After(now) && st.total().ActBy.Before(until) {
		until = st.total().ActBy
	}
	return s.mark(ctx, in.ID, surgecast.SurgeMark{Kind: surgecast.MarkMute, By: in.Body.By, Note: in.Body.Note, Until: until})
}

// surgeOf is a surge the caller may see.
func (s *Server) surgeOf(ctx context.Context, id string) (surgecast.Surge, error) {
	who := caller(ctx)
	surge, _, err := s.c.Store.SurgeByID(ctx, who.account, id)
	switch {
	case errors.Is(err, surgecast.ErrNotFound) || err == nil && !who.sees(surge.SiteID):
		return surge, notFound("surge", id)
	case err != nil:
		return surge, fmt.Errorf("reading surge %s: %w", id, err)
	}
	return surge, nil
}

func (s *Server) mark(ctx context.Context, id string, m surgecast.SurgeMark) (*markOut, error) {
	surge, err := s.surgeOf(ctx, id)
	if err != nil {
		return nil, err
	}
	if !surge.ClosedAt.IsZero() && m.Kind != surgecast.MarkNote {
		return nil, problem(http.StatusConflict, codeConflict, "this surge is over", "Only a note can still be written.")
	}
	who := caller(ctx)
	m.SurgeID, m.At, m.Probability = id, s.now(), math.NaN()
	m.By = who.author(m.By)
	if st, ok := s.memory.byID(surge.SiteID); ok && st.total() != nil {
		m.Probability = riskAt(st.total(), 360)
	}
	if err := s.c.Store.AddSurgeMark(ctx, who.account, m); err != nil {
		return nil, err
	}
	if err := s.lookAtMarks(ctx, []surgecast.Surge{surge}); err != nil {
		return nil, err
	}
	s.hub.forecast(surge.SiteID, surgecast.TotalSegment) // every open page sees it
	return &markOut{markBody(m)}, nil
}

func markBody(m surgecast.SurgeMark) MarkBody {
	return MarkBody{Kind: string(m.Kind), By: m.By, Note: m.Note, Until: maybe(m.Until), At: m.At.UTC()}
}

// lookAtMarks reads what people did about surges that are open.
func (s *Server) lookAtMarks(ctx context.Context, open []surgecast.Surge) error {
	if len(open) == 0 {
		return nil
	}
	ids := make([]string, 0, len(open))
	for _, o := range open {
		ids = append(ids, o.ID)
	}
	marks, err := s.c.Store.SurgeMarks(ctx, ids)
	if err != nil {
		return err
	}
	s.memory.putMarks(ids, marks)
	return nil
}

// putMarks replaces the marks of these surges.
func (m *memory) putMarks(ids []string, marks map[string][]surgecast.SurgeMark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	asked := make(map[string]bool, len(ids))
	for _, id := range ids {
		asked[id] = true
	}
	for _, st := range m.sites {
		if st.surge != nil && asked[st.surge.ID] {
			st.marks = marks[st.surge.ID]
		}
	}
}

// mark says who has a site's surge, and until when it is silent.
func (b *SiteStatus) mark(st standing, now time.Time) {
	risk, state := math.NaN(), st.surge.State
	if f := st.total(); f != nil {
		risk = riskAt(f, 360)
	}
	var of []surgecast.SurgeMark
	for _, m := range st.marks {
		if m.SurgeID == st.surge.ID {
			of = append(of, m)
		}
	}
	stand := surgecast.StandingOf(of, state, risk, now)
	if stand.Ack != nil {
		b.TakenBy, b.TakenNote = stand.Ack.By, stand.Ack.Note
	}
	if stand.Mute != nil {
		b.MutedUntil = maybe(stand.Mute.Until)
	}
}
