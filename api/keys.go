package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"surgecast"
)

// KeyNew makes a key.
type KeyNew struct {
	Name   string   `json:"name" minLength:"1" maxLength:"100" doc:"Who uses it"`
	Scopes []string `json:"scopes" minItems:"1" maxItems:"4" enum:"read,write,scale,admin" doc:"admin includes write, write includes read, read includes scale"`
	Sites  []string `json:"sites" maxItems:"1000" required:"false" doc:"Only these sites; default all of the account"`
}

// KeyBody is a key, without the key.
type KeyBody struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix" doc:"First characters, to recognise it"`
	Scopes     []string   `json:"scopes"`
	Sites      []string   `json:"sites"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// KeyMade is a new key, with the key this once.
type KeyMade struct {
	KeyBody
	Key string `json:"key" doc:"Shown once: only its SHA-256 is kept"`
}

type (
	keyNewIn  struct{ Body KeyNew }
	keyNewOut struct {
		Location string `header:"Location"`
		Body     KeyMade
	}
	keysOut struct{ Body List[KeyBody] }
	keyIn   struct {
		ID string `path:"id" maxLength:"60"`
	}
)

func (s *Server) keyRoutes() {
	register(s, operation("GET", "/v1/keys", "list-keys", "Keys, without the keys"), surgecast.ScopeAdmin, s.listKeys)
	op := operation("POST", "/v1/keys", "create-key", "Make a key; it is shown once")
	op.Description = mostOf(surgecast.MaxKeys, "keys")
	op.DefaultStatus = http.StatusCreated
	register(s, op, surgecast.ScopeAdmin, s.createKey)
	register(s, operation("DELETE", "/v1/keys/{id}", "delete-key", "End a key, and the sessions opened with it"), surgecast.ScopeAdmin, s.deleteKey)

	op = operation("POST", sessionPath, "open-session", "Exchange a key for a cookie, for the dashboard")
	register(s, op, "", s.openSession)
	register(s, operation("DELETE", sessionPath, "close-session", "End the session"), "", s.closeSession)
}

// NewKey makes a random key and the hash under which it is stored.
func NewKey() (key string, sum [32]byte) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		panic("no randomness for a key: " + err.Error())
	}
	key = "sgc_" + base64.RawURLEncoding.EncodeToString(b)
	return key, sha256.Sum256([]byte(key))
}

// KeyPrefix is what is kept of a key to recognise it.
func KeyPrefix(key string) string { return key[:min(len(key), 10)] }

func (s *Server) listKeys(ctx context.Context, in *PageQuery) (*keysOut, error) {
	who, err := account(ctx)
	if err != nil {
		return nil, err
	}
	p, err := in.page("keys")
	if err != nil {
		return nil, err
	}
	ks, next, err := s.c.Store.Keys(ctx, who.account, p)
	if err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	return &keysOut{listOf("keys", ks, next, s.keyBody)}, nil
}

func (s *Server) createKey(ctx context.Context, in *keyNewIn) (*keyNewOut, error) {
	who, err := account(ctx)
	if err != nil {
		return nil, err
	}
	k := surgecast.Key{AccountID: who.account, Name: in.Body.Name, CreatedAt: s.now()}
	for _, sc := range in.Body.Scopes {
		k.Scopes = append(k.Scopes, surgecast.Scope(sc))
	}
	for i, slug := range in.Body.Sites {
		site, err := s.site(ctx, slug)
		if err != nil {
			if p := problemOf(err); p.Status == http.StatusNotFound {
				return nil, fieldProblem(fmt.Sprintf("sites[%d]", i), codeNotFound, p.Detail, p.Remedy)
			}
			return nil, err
		}
		k.Sites = append(k.Sites, site.ID)
	}
	key, sum := NewKey()
	k.Prefix = KeyPrefix(key)
	k, err = s.c.Store.CreateKey(ctx, k, sum)
	if err != nil {
		return nil, fmt.Errorf("creating a key: %w", err)
	}
	s.log.InfoContext(ctx, "key made", "id", k.ID, "name", k.Name, "key", who.key)
	return &keyNewOut{Location: "/v1/keys/" + k.ID, Body: KeyMade{s.keyBody(k), key}}, nil
}

func (s *Server) deleteKey(ctx context.Context, in *keyIn) (*struct{}, error) {
	who, err := account(ctx)
	if err != nil {
		return nil, err
	}
	err = s.c.Store.DeleteKey(ctx, who.account, in.ID)
	if errors.Is(err, surgecast.ErrNotFound) {
		return nil, notFound("key", in.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("deleting key %s: %w", short(in.ID), err)
	}
	s.keys.forget(in.ID)
	s.log.InfoContext(ctx, "key deleted", "id", in.ID, "key", who.key)
	return nil, nil
}

func (s *Server) keyBody(k surgecast.Key) KeyBody {
	b := KeyBody{ID: k.ID, Name: k.Name, Prefix: k.Prefix, Scopes: []string{}, Sites: []string{}, CreatedAt: k.CreatedAt.UTC(), LastUsedAt: maybe(k.LastUsedAt)}
	for _, sc := range k.Scopes {
		b.Scopes = append(b.Scopes, string(sc))
	}
	for _, id := range k.Sites {
		if st, ok := s.memory.byID(id); ok {
			b.Sites = append(b.Sites, st.site.Slug)
		}
	}
	return b
}
