package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"surgecast"
)

// SenderNew makes a sender.
type SenderNew struct {
	Name   string   `json:"name" minLength:"1" maxLength:"100" doc:"Who sends"`
	Source string   `json:"source" maxLength:"63" required:"false" doc:"It counts mentions for this source only, for example brandwatch:acme; default any"`
	Sites  []string `json:"sites" maxItems:"1000" required:"false" doc:"It sends traffic of these sites only; default all of the account"`
	Secret string   `json:"secret" maxLength:"200" required:"false" doc:"whsec_… of 24 to 64 bytes; default a new one, shown once"`
}

// SenderBody is one who may push by signature. Its secrets are never shown again.
type SenderBody struct {
	ID        string     `json:"id" doc:"Stands in the address it pushes to: ?sender=…"`
	Name      string     `json:"name"`
	Source    string     `json:"source"`
	Sites     []string   `json:"sites"`
	Secrets   int        `json:"secrets" doc:"How many are valid: two while the sender changes its own"`
	CreatedAt time.Time  `json:"created_at"`
	RotatedAt *time.Time `json:"rotated_at"`
}

// SenderMade is a sender with a new secret, this once.
type SenderMade struct {
	SenderBody
	Secret string `json:"secret" doc:"Signs what the sender pushes. Shown once: keep it"`
}

// SenderPath names a sender in the address.
type SenderPath struct {
	ID string `path:"id" maxLength:"60"`
}

type (
	senderNewIn  struct{ Body SenderNew }
	senderNewOut struct {
		Location string `header:"Location"`
		Body     SenderMade
	}
	senderOut  struct{ Body SenderBody }
	sendersOut struct{ Body List[SenderBody] }
	rotateIn   struct {
		SenderPath
		KeepOld bool `query:"keep_old" default:"true" doc:"The secret before stays valid until it is dropped or another follows; false: at once only the new one is"`
	}
	rotateOut struct{ Body SenderMade }
)

func (s *Server) senderRoutes() {
	register(s, operation("GET", "/v1/senders", "list-senders", "Who may push by signature"), surgecast.ScopeAdmin, s.listSenders)
	op := operation("POST", "/v1/senders", "create-sender", "Let someone push by signature (Standard Webhooks)")
	op.Description = mostOf(surgecast.MaxSenders, "senders")
	registerMaking(s, op, surgecast.ScopeAdmin, s.createSender)
	register(s, operation("POST", "/v1/senders/{id}/rotate", "rotate-sender", "Give a sender a new secret; the one before stays valid meanwhile"), surgecast.ScopeAdmin, s.rotateSender)
	register(s, operation("DELETE", "/v1/senders/{id}/old-secret", "drop-old-secret", "End a rotation: only the newest secret stays valid"), surgecast.ScopeAdmin, s.dropOldSecret)
	register(s, operation("DELETE", "/v1/senders/{id}", "delete-sender", "Take nothing from a sender any more"), surgecast.ScopeAdmin, s.deleteSender)
}

// senderAdmin lets in whom keys let in, where secrets can be kept.
func (s *Server) senderAdmin(ctx context.Context) (identity, error) {
	who, err := account(ctx)
	if err == nil && (s.c.Senders == nil || s.c.SealSecret == nil || s.c.OpenSecret == nil) {
		err = problem(http.StatusServiceUnavailable, codeNotConfigured, "this process has no key to keep secrets with", "Set the secret key in the configuration and start again.")
	}
	return who, err
}

func (s *Server) listSenders(ctx context.Context, in *PageQuery) (*sendersOut, error) {
	who, err := s.senderAdmin(ctx)
	if err != nil {
		return nil, err
	}
	p, err := in.page("senders")
	if err != nil {
		return nil, err
	}
	ps, next, err := s.c.Senders.PushSenders(ctx, who.account, p)
	if err != nil {
		return nil, fmt.Errorf("listing push senders: %w", err)
	}
	return &sendersOut{listOf("senders", ps, next, s.senderBody)}, nil
}

func (s *Server) createSender(ctx context.Context, in *senderNewIn) (*senderNewOut, error) {
	who, err := s.senderAdmin(ctx)
	if err != nil {
		return nil, err
	}
	if in.Body.Source != "" && !sourceName.MatchString(in.Body.Source) {
		return nil, fieldProblem("source", codeInvalidValue, "not a name of a source", "Say who counts, for example brandwatch:acme: a-z, 0-9 and : . _ -, at most 63.")
	}
	sender := surgecast.PushSender{AccountID: who.account, Name: in.Body.Name, Source: in.Body.Source, CreatedAt: s.now()}
	for i, slug := range in.Body.Sites {
		site, err := s.site(ctx, slug)
		if err != nil {
			if p := problemOf(err); p.Status == http.StatusNotFound {
				return nil, fieldProblem(fmt.Sprintf("sites[%d]", i), codeNotFound, p.Detail, p.Remedy)
			}
			return nil, err
		}
		sender.Sites = append(sender.Sites, site.ID)
	}
	sealed, shown, err := s.newSecret(in.Body.Secret)
	if err != nil {
		return nil, err
	}
	sender.Secrets = [][]byte{sealed}
	sender, err = s.c.Senders.CreatePushSender(ctx, sender)
	if err != nil {
		return nil, fmt.Errorf("creating a push sender: %w", err)
	}
	s.log.InfoContext(ctx, "push sender made", "id", sender.ID, "name", sender.Name, "key", who.key)
	return &senderNewOut{Location: "/v1/senders/" + sender.ID, Body: SenderMade{s.senderBody(sender), shown}}, nil
}

func (s *Server) newSecret(given string) (sealed []byte, shown string, err error) {
	plain, shown, err := secretOf(given)
	if err != nil {
		return nil, "", err
	}
	if sealed, err = s.c.SealSecret(plain); err != nil {
		return nil, "", fmt.Errorf("sealing a push secret: %w", err)
	}
	return sealed, shown, nil
}

func (s *Server) rotateSender(ctx context.Context, in *rotateIn) (*rotateOut, error) {
	who, err := s.senderAdmin(ctx)
	if err != nil {
		return nil, err
	}
	sealed, shown, err := s.newSecret("")
	if err != nil {
		return nil, err
	}
	sender, err := s.c.Senders.RotatePushSender(ctx, who.account, in.ID, sealed, in.KeepOld, s.now())
	if err := s.changed(ctx, in.ID, "rotated", err); err != nil {
		return nil, err
	}
	return &rotateOut{SenderMade{s.senderBody(sender), shown}}, nil
}

func (s *Server) dropOldSecret(ctx context.Context, in *SenderPath) (*senderOut, error) {
	who, err := s.senderAdmin(ctx)
	if err != nil {
		return nil, err
	}
	sender, err := s.c.Senders.DropOldPushSecret(ctx, who.account, in.ID)
	if err := s.changed(ctx, in.ID, "freed of its old secret", err); err != nil {
		return nil, err
	}
	return &senderOut{s.senderBody(sender)}, nil
}

func (s *Server) deleteSender(ctx context.Context, in *SenderPath) (*struct{}, error) {
	who, err := s.senderAdmin(ctx)
	if err != nil {
		return nil, err
	}
	return nil, s.changed(ctx, in.ID, "deleted", s.c.Senders.DeletePushSender(ctx, who.account, in.ID))
}

// changed is what every change of a sender ends with.
func (s *Server) changed(ctx context.Context, id, how string, err error) error {
	if errors.Is(err, surgecast.ErrNotFound) {
		return notFound("sender", id)
	}
	if err != nil {
		return fmt.Errorf("push sender %s: %w", short(id), err)
	}
	s.senders.forget(id)
	s.log.InfoContext(ctx, "push sender "+how, "id", id, "key", caller(ctx).key)
	return nil
}

func (s *Server) senderBody(p surgecast.PushSender) SenderBody {
	b := SenderBody{ID: p.ID, Name: p.Name, Source: p.Source, Sites: []string{}, Secrets: len(p.Secrets), CreatedAt: p.CreatedAt.UTC(), RotatedAt: maybe(p.RotatedAt)}
	for _, id := range p.Sites {
		if st, ok := s.memory.byID(id); ok {
			b.Sites = append(b.Sites, st.site.Slug)
		}
	}
	return b
}
