package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"surgecast"
)

// WebhookFields is what a person says of an endpoint.
type WebhookFields struct {
	URL      string   `json:"url" maxLength:"2000" required:"false" doc:"https://… that takes POST. Of slack and alertmanager only scheme and host are shown again: who knows the rest may write there. pagerduty: default its own"`
	Format   string   `json:"format" enum:"standard,cloudevents,alertmanager,pagerduty,slack" required:"false" doc:"standard: Standard Webhooks, the default; cloudevents: the same body as application/cloudevents+json"`
	Types    []string `json:"types" maxItems:"16" required:"false" doc:"Which messages; default all the format carries, without recommendation.changed for alertmanager, pagerduty and slack"`
	Sites    []string `json:"sites" maxItems:"1000" required:"false" doc:"Of which sites; default all"`
	Disabled bool     `json:"disabled" required:"false" doc:"Send nothing"`
}

// WebhookNew makes an endpoint.
type WebhookNew struct {
	WebhookFields
	Secret     string `json:"secret" maxLength:"200" required:"false" doc:"whsec_… of 24 to 64 bytes; default a new one, shown once. Not for pagerduty and slack"`
	RoutingKey string `json:"routing_key" maxLength:"64" required:"false" doc:"pagerduty: the integration key, 32 characters. Never shown again"`
}

// WebhookBody is an endpoint. Its secret is never shown again.
type WebhookBody struct {
	ID string `json:"id"`
	WebhookFields
	DisabledAt     *time.Time `json:"disabled_at"`
	DisabledWhy    string     `json:"disabled_why" doc:"What the service disabled it for; empty: a person did, or it is not"`
	OldSecretUntil *time.Time `json:"old_secret_until" doc:"Until then the secret before the newest signs too"`
	CreatedAt      time.Time  `json:"created_at"`
}

// WebhookMade is a new endpoint, with its secret this once.
type WebhookMade struct {
	WebhookBody
	Secret string `json:"secret" doc:"Verifies our signature. Shown once: keep it. Empty for pagerduty and slack, which are not signed"`
}

// keepOldSeconds is how long a rotated secret goes on where nobody says.
const keepOldSeconds = 86400

// WebhookRotate says how long the old secret goes on.
type WebhookRotate struct {
	// No default in the schema: it would take the place of a 0 that was said.
	KeepOldSeconds *int `json:"keep_old_seconds" minimum:"0" maximum:"604800" required:"false" nullable:"false" doc:"How long the secret before signs beside the new one; default a day; 0: not at all, for one that leaked"`
}

// DeliveryBody is one message to one endpoint.
type DeliveryBody struct {
	ID        string          `json:"id" doc:"The webhook-id receivers deduplicate by"`
	WebhookID string          `json:"webhook_id"`
	Type      string          `json:"type"`
	Sequence  int64           `json:"sequence"`
	Status    string          `json:"status"`
	Attempts  int             `json:"attempts"`
	CreatedAt time.Time       `json:"created_at"`
	ExpiresAt *time.Time      `json:"expires_at"`
	DoneAt    *time.Time      `json:"done_at"`
	Body      json.RawMessage `json:"body" doc:"The message; an endpoint gets it in its format"`
}

// DeliveryLog is a message with every attempt at it.
type DeliveryLog struct {
	DeliveryBody
	Log []DeliveryAttemptBody `json:"log" doc:"Oldest first"`
}

// DeliveryAttemptBody is one try.
type DeliveryAttemptBody struct {
	Number     int       `json:"number"`
	At         time.Time `json:"at"`
	StatusCode int       `json:"status_code" doc:"0: no answer"`
	Error      string    `json:"error"`
	Excerpt    string    `json:"excerpt" doc:"First 512 bytes of the answer, without secrets of the endpoint"`
	Millis     int       `json:"millis"`
}

// WebhookPath names an endpoint or a delivery in the address.
type WebhookPath struct {
	ID string `path:"id" maxLength:"60"`
}

type (
	webhookOut    struct{ Body WebhookBody }
	webhooksOut   struct{ Body List[WebhookBody] }
	webhookNewIn  struct{ Body WebhookNew }
	webhookNewOut struct {
		Location string `header:"Location"`
		Body     WebhookMade
	}
	webhookPutIn struct {
		WebhookPath
		Body WebhookFields
	}
	deliveriesIn struct {
		WebhookPath
		PageQuery
	}
	deliveriesOut  struct{ Body List[DeliveryBody] }
	deliveryOut    struct{ Body DeliveryBody }
	deliveryLogOut struct{ Body DeliveryLog }
	webhookTurnIn  struct {
		WebhookPath
		Body *WebhookRotate // none: the default
	}
	webhookTurnOut struct{ Body WebhookMade }
)

func (s *Server) webhookRoutes() {
	register(s, operation("GET", "/v1/webhooks", "list-webhooks", "Endpoints that are told"), surgecast.ScopeRead, s.listWebhooks)
	op := operation("POST", "/v1/webhooks", "create-webhook", "Tell an endpoint from now on")
	op.Description = mostOf(surgecast.MaxWebhooks, "webhooks")
	registerMaking(s, op, surgecast.ScopeWrite, s.createWebhook)
	register(s, operation("GET", "/v1/webhooks/{id}", "get-webhook", "One endpoint"), surgecast.ScopeRead, s.getWebhook)
	register(s, operation("PUT", "/v1/webhooks/{id}", "put-webhook", "Change an endpoint; its secret stays"), surgecast.ScopeWrite, s.putWebhook)
	register(s, operation("DELETE", "/v1/webhooks/{id}", "delete-webhook", "Tell an endpoint no more"), surgecast.ScopeWrite, s.deleteWebhook)
	op = operation("POST", "/v1/webhooks/{id}/test", "test-webhook", "Send a test message")
	op.DefaultStatus = http.StatusAccepted
	register(s, op, surgecast.ScopeWrite, s.testWebhook)
	register(s, operation("GET", "/v1/webhooks/{id}/deliveries", "list-deliveries", "What was sent to an endpoint, newest first"), surgecast.ScopeRead, s.listDeliveries)
	register(s, operation("POST", "/v1/webhooks/{id}/rotate", "rotate-webhook", "Sign with a new secret; the one before signs too meanwhile"), surgecast.ScopeWrite, s.rotateWebhook)
	register(s, operation("GET", "/v1/deliveries/{id}", "get-delivery", "One message and every attempt at it"), surgecast.ScopeRead, s.getDelivery)
	op = operation("POST", "/v1/deliveries/{id}/retry", "retry-delivery", "Send a message again")
	op.DefaultStatus = http.StatusAccepted
	register(s, op, surgecast.ScopeWrite, s.retryDelivery)
}

// account refuses keys bound to sites: an endpoint hears of the whole account.
func account(ctx context.Context) (identity, error) {
	who := caller(ctx)
	if p := who.bound(); p != nil {
		return who, p
	}
	return who, nil
}

func (s *Server) listWebhooks(ctx context.Context, in *PageQuery) (*webhooksOut, error) {
	who, err := account(ctx)
	if err != nil {
		return nil, err
	}
	p, err := in.page("webhooks")
	if err != nil {
		return nil, err
	}
	ws, next, err := s.c.Store.Webhooks(ctx, who.account, p)
	if err != nil {
		return nil, fmt.Errorf("listing webhooks: %w", err)
	}
	return &webhooksOut{listOf("webhooks", ws, next, s.webhookBody)}, nil
}

func (s *Server) createWebhook(ctx context.Context, in *webhookNewIn) (*webhookNewOut, error) {
	who, err := account(ctx)
	if err != nil {
		return nil, err
	}
	if s.c.SealSecret == nil {
		return nil, noSecretKey()
	}
	w := surgecast.Webhook{AccountID: who.account, CreatedAt: s.now()}
	if err := s.intoWebhook(ctx, in.Body.WebhookFields, &w); err != nil {
		return nil, err
	}
	plain, shown, err := credential(w.Format, in.Body)
	if err != nil {
		return nil, err
	}
	if plain != nil {
		sealed, err := s.c.SealSecret(plain)
		if err != nil {
			return nil, fmt.Errorf("sealing a webhook secret: %w", err)
		}
		w.Secrets = [][]byte{sealed}
	}
	w, err = s.c.Store.CreateWebhook(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("creating a webhook: %w", err)
	}
	return &webhookNewOut{Location: "/v1/webhooks/" + w.ID, Body: WebhookMade{s.webhookBody(w), shown}}, nil
}

func (s *Server) getWebhook(ctx context.Context, in *WebhookPath) (*webhookOut, error) {
	w, err := s.webhook(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &webhookOut{s.webhookBody(w)}, nil
}

func (s *Server) putWebhook(ctx context.Context, in *webhookPutIn) (*webhookOut, error) {
	w, err := s.webhook(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.intoWebhook(ctx, in.Body, &w); err != nil {
		return nil, err
	}
	w, err = s.c.Store.UpdateWebhook(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("changing webhook %s: %w", in.ID, err)
	}
	return &webhookOut{s.webhookBody(w)}, nil
}

func (s *Server) deleteWebhook(ctx context.Context, in *WebhookPath) (*struct{}, error) {
	w, err := s.webhook(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.c.Store.DeleteWebhook(ctx, w.AccountID, w.ID); err != nil {
		return nil, fmt.Errorf("deleting webhook %s: %w", in.ID, err)
	}
	return nil, nil
}

func (s *Server) testWebhook(ctx context.Context, in *WebhookPath) (*deliveryOut, error) {
	w, err := s.webhook(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := s.c.Store.EnqueueTest(ctx, w.AccountID, w.ID, s.now())
	if err != nil {
		return nil, fmt.Errorf("testing webhook %s: %w", in.ID, err)
	}
	return &deliveryOut{deliveryBody(d)}, nil
}

func (s *Server) listDeliveries(ctx context.Context, in *deliveriesIn) (*deliveriesOut, error) {
	w, err := s.webhook(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p, err := in.page("deliveries")
	if err != nil {
		return nil, err
	}
	ds, next, err := s.c.Store.Deliveries(ctx, w.AccountID, w.ID, p)
	if err != nil {
		return nil, fmt.Errorf("listing deliveries of %s: %w", in.ID, err)
	}
	return &deliveriesOut{listOf("deliveries", ds, next, deliveryBody)}, nil
}

func (s *Server) retryDelivery(ctx context.Context, in *WebhookPath) (*struct{}, error) {
	who, err := account(ctx)
	if err != nil {
		return nil, err
	}
	err = s.c.Store.RetryDelivery(ctx, who.account, in.ID)
	if errors.Is(err, surgecast.ErrNotFound) {
		return nil, notFound("delivery", in.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("retrying delivery %s: %w", in.ID, err)
	}
	return nil, nil
}

func (s *Server) webhook(ctx context.Context, id string) (surgecast.Webhook, error) {
	who, err := account(ctx)
	if err != nil {
		return surgecast.Webhook{}, err
	}
	w, err := s.c.Store.WebhookByID(ctx, who.account, id)
	if errors.Is(err, surgecast.ErrNotFound) {
		return w, notFound("webhook", id)
	}
	if err != nil {
		return w, fmt.Errorf("reading webhook %s: %w", short(id), err)
	}
	return w, nil
}

func (s *Server) rotateWebhook(ctx context.Context, in *webhookTurnIn) (*webhookTurnOut, error) {
	w, err := s.webhook(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !w.Format.Signed() {
		return nil, problem(http.StatusConflict, codeConflict, "messages of format "+string(w.Format)+" are not signed", "Make a new endpoint with the new key or address, then delete this one.")
	}
	if s.c.SealSecret == nil {
		return nil, noSecretKey()
	}
	plain, shown, err := secretOf("")
	if err != nil {
		return nil, err
	}
	sealed, err := s.c.SealSecret(plain)
	if err != nil {
		return nil, fmt.Errorf("sealing a webhook secret: %w", err)
	}
	var until time.Time
	keep := keepOldSeconds
	if in.Body != nil && in.Body.KeepOldSeconds != nil {
		keep = *in.Body.KeepOldSeconds
	}
	if keep > 0 {
		until = s.now().Add(time.Duration(keep) * time.Second)
	}
	w, err = s.c.Store.RotateWebhook(ctx, w.AccountID, w.ID, sealed, until)
	if err != nil {
		return nil, fmt.Errorf("rotating the secret of webhook %s: %w", in.ID, err)
	}
	return &webhookTurnOut{WebhookMade{s.webhookBody(w), shown}}, nil
}

func noSecretKey() *Problem {
	return problem(http.StatusServiceUnavailable, codeNotConfigured, "this process has no key to keep secrets with", "Set the secret key in the configuration and start again.")
}

func (s *Server) getDelivery(ctx context.Context, in *WebhookPath) (*deliveryLogOut, error) {
	who, err := account(ctx)
	if err != nil {
		return nil, err
	}
	d, err := s.c.Store.Delivery(ctx, in.ID)
	if errors.Is(err, surgecast.ErrNotFound) || err == nil && d.AccountID != who.account {
		return nil, notFound("delivery", in.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("reading delivery %s: %w", short(in.ID), err)
	}
	log, err := s.c.Store.Attempts(ctx, who.account, d.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the attempts of delivery %s: %w", d.ID, err)
	}
	out := DeliveryLog{DeliveryBody: deliveryBody(d), Log: []DeliveryAttemptBody{}}
	for _, a := range log {
		out.Log = append(out.Log, DeliveryAttemptBody{Number: a.Number, At: a.At.UTC(), StatusCode: a.StatusCode, Error: a.Error, Excerpt: a.Excerpt, Millis: a.Millis})
	}
	return &deliveryLogOut{out}, nil
}

// intoWebhook checks what a person said and puts it into w.
func (s *Server) intoWebhook(ctx context.Context, f WebhookFields, w *surgecast.Webhook) error {
	format := surgecast.Format(f.Format)
	if format == "" {
		if format = w.Format; format == "" {
			format = surgecast.FormatStandard
		}
	}
	if w.ID != "" && format != w.Format && !(plainFormat(format) && plainFormat(w.Format)) {
		return fieldProblem("format", codeInvalidValue, "an endpoint keeps its format", "Make a new endpoint, then delete this one.")
	}
	w.Format = format
	if err := s.intoAddress(ctx, f.URL, w); err != nil {
		return err
	}
	for i, t := range f.Types {
		if !slices.Contains(surgecast.MessageTypes(), t) {
			return fieldProblem(fmt.Sprintf("types[%d]", i), codeInvalidValue, "no message type of this name", "Use some of "+strings.Join(surgecast.MessageTypes(), ", ")+".")
		}
		if !format.Carries(t) {
			return fieldProblem(fmt.Sprintf("types[%d]", i), codeInvalidValue, string(format)+" has no shape for "+t, "Use some of "+strings.Join(format.Types(), ", ")+".")
		}
	}
	w.Types = f.Types
	if len(w.Types) == 0 {
		w.Types = format.Types()
	}
	w.Sites = nil
	for i, slug := range f.Sites {
		site, err := s.site(ctx, slug)
		if err != nil {
			p := problemOf(err)
			if p.Status == http.StatusNotFound {
				return fieldProblem(fmt.Sprintf("sites[%d]", i), codeNotFound, p.Detail, p.Remedy)
			}
			return err
		}
		w.Sites = append(w.Sites, site.ID)
	}
	switch {
	case f.Disabled && w.DisabledAt.IsZero():
		w.DisabledAt, w.DisabledWhy = s.now(), ""
	case !f.Disabled && !w.DisabledAt.IsZero():
		w.DisabledAt, w.DisabledWhy, w.EnabledAt = time.Time{}, "", s.now()
	}
	return nil
}

// plainFormat: the same body under the same secret, so an endpoint may go from one to the other.
func plainFormat(f surgecast.Format) bool {
	return f == surgecast.FormatStandard || f == surgecast.FormatCloudEvents
}

// pagerDutyURL takes PagerDuty's events of version 2.
const pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// intoAddress checks an address. One that is a secret is sealed and only its scheme and host stay readable;
// sent back as it was shown, it means the one that is there.
func (s *Server) intoAddress(ctx context.Context, address string, w *surgecast.Webhook) error {
	if address == "" && w.Format == surgecast.FormatPagerDuty {
		address = pagerDutyURL
	}
	if len(w.SealedURL) > 0 && address == w.URL {
		return nil
	}
	u, err := url.Parse(address)
	switch {
	case address == "":
		return fieldProblem("url", codeMissingField, "no address", "Send https:// and a host.")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fieldProblem("url", codeInvalidValue, "not an address that takes messages", "Send https:// and a host.")
	case u.User != nil:
		return fieldProblem("url", codeInvalidValue, "an address with a user or password in it", "Leave them out: messages are signed.")
	case u.Fragment != "":
		return fieldProblem("url", codeInvalidValue, "an address with a fragment", "Leave out what follows #.")
	}
	if s.c.CheckWebhookURL != nil && address != w.URL {
		if err := s.c.CheckWebhookURL(ctx, address); err != nil {
			return err
		}
	}
	w.URL, w.SealedURL = address, nil
	if !w.Format.SecretAddress() {
		return nil
	}
	if s.c.SealSecret == nil {
		return noSecretKey()
	}
	if w.SealedURL, err = s.c.SealSecret([]byte(address)); err != nil {
		return errors.New("sealing a webhook address") // err might repeat it
	}
	w.URL = u.Scheme + "://" + u.Host
	return nil
}

// credential is what a new endpoint's messages are signed or accepted with, and what its owner is shown.
func credential(f surgecast.Format, in WebhookNew) (plain []byte, shown string, err error) {
	if in.RoutingKey != "" && f != surgecast.FormatPagerDuty {
		return nil, "", fieldProblem("routing_key", codeInvalidValue, "only pagerduty has a routing key", "Leave it out.")
	}
	if in.Secret != "" && !f.Signed() {
		return nil, "", fieldProblem("secret", codeInvalidValue, string(f)+" messages are not signed", "Leave it out.")
	}
	switch f { //nolint:exhaustive // the others are signed
	case surgecast.FormatSlack:
		return nil, "", nil
	case surgecast.FormatPagerDuty:
		if !routingKey.MatchString(in.RoutingKey) {
			return nil, "", fieldProblem("routing_key", codeInvalidValue, "not a routing key of PagerDuty", "Send the 32 characters of the Events API v2 integration.")
		}
		return []byte(in.RoutingKey), "", nil
	}
	return secretOf(in.Secret)
}

var routingKey = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)

// secretOf is the secret someone chose, or a new one.
func secretOf(given string) (plain []byte, shown string, err error) {
	if given == "" {
		plain = make([]byte, 32)
		if _, err := rand.Read(plain); err != nil {
			return nil, "", fmt.Errorf("making a secret: %w", err)
		}
		return plain, "whsec_" + base64.StdEncoding.EncodeToString(plain), nil
	}
	plain, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(given, "whsec_"))
	if err != nil || !strings.HasPrefix(given, "whsec_") || len(plain) < 24 || len(plain) > 64 {
		return nil, "", fieldProblem("secret", codeInvalidValue, "not a Standard Webhooks secret", "Send whsec_ and the base64 of 24 to 64 random bytes, or leave it out for a new one.")
	}
	return plain, given, nil
}

func (s *Server) webhookBody(w surgecast.Webhook) WebhookBody {
	b := WebhookBody{
		ID: w.ID, DisabledAt: maybe(w.DisabledAt), DisabledWhy: w.DisabledWhy, OldSecretUntil: maybe(w.OldSecretUntil), CreatedAt: w.CreatedAt.UTC(),
		WebhookFields: WebhookFields{URL: w.URL, Format: string(w.Format), Types: append([]string{}, w.Types...), Sites: []string{}, Disabled: !w.DisabledAt.IsZero()},
	}
	for _, id := range w.Sites {
		if st, ok := s.memory.byID(id); ok {
			b.Sites = append(b.Sites, st.site.Slug)
		}
	}
	return b
}

func deliveryBody(d surgecast.Delivery) DeliveryBody {
	b := DeliveryBody{
		ID: d.ID, WebhookID: d.WebhookID, Type: d.Type, Sequence: d.Sequence, Status: string(d.Status), Attempts: d.Attempts,
		CreatedAt: d.CreatedAt.UTC(), ExpiresAt: maybe(d.ExpiresAt), DoneAt: maybe(d.DoneAt), Body: json.RawMessage("null"),
	}
	if json.Valid(d.Body) {
		b.Body = d.Body
	}
	return b
}
