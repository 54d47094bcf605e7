package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"surgecast"
)

// Problem is every error the API answers (RFC 9457), with what a person needs to go on.
type Problem struct {
	Type      string `json:"type" doc:"Always about:blank: code tells problems apart"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code" doc:"Stable word to branch on"`
	Detail    string `json:"detail" doc:"What is wrong, in a sentence"`
	Field     string `json:"field,omitempty" doc:"The input that was wrong"`
	Remedy    string `json:"remedy,omitempty" doc:"What to do about it"`
	Reference string `json:"reference" doc:"Stands in the log: quote it when asking for help"`

	Errors []ProblemDetail `json:"errors,omitempty" doc:"Every wrong input, when there are several"`

	headers http.Header
	cause   error // for the log, never for the answer
}

// ProblemDetail is one wrong input.
type ProblemDetail struct {
	Row    int    `json:"row,omitempty" doc:"1-based row of the body"`
	Field  string `json:"field"`
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

// The codes. They are part of the contract: never renamed.
const (
	codeBadJSON         = "bad_json"
	codeTooDeep         = "too_deep"
	codeTooLarge        = "body_too_large"
	codeTooManyRows     = "too_many_rows"
	codeUnsupportedType = "unsupported_media_type"
	codeMissingField    = "missing_field"
	codeUnknownField    = "unknown_field"
	codeBadType         = "bad_type"
	codeInvalidValue    = "invalid_value"
	codeBadCursor       = "bad_cursor"
	codeNoRoute         = "no_such_route"
	codeNoMethod        = "method_not_allowed"
	codeNotFound        = "not_found"
	codeExists          = "already_exists"
	codeConflict        = "conflict"
	codeNoKey           = "key_required"
	codeBadKey          = "key_not_valid"
	codeScope           = "scope_missing"
	codeKeyBound        = "key_bound_to_sites"
	codeHost            = "host_not_local"
	codeForwarded       = "forwarded_without_key"
	codeForeignOrigin   = "foreign_origin"
	codeInternal        = "internal"
	codeStorage         = "storage_unavailable"
	codeTimeout         = "timeout"
	codeNoForecast      = "no_forecast"
	codeExpired         = "forecast_expired"
	codeNoTraffic       = "no_traffic"
	codeCapacityUnknown = "capacity_unknown"
	codeKeyReused       = "idempotency_key_reused"
	codeKeyInUse        = "idempotency_key_in_use"
	codePrecondition    = "precondition_failed"
	codeNotConfigured   = "not_configured"
	codeLimit           = "limit_reached"
	codeTooFast         = "rate_limited"
)

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus is the HTTP status (huma.StatusError).
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are headers of the answer, for example Retry-After (huma.HeadersError).
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType makes the answer application/problem+json (huma.ContentTypeFilter).
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func (p *Problem) with(header, value string) *Problem {
	if p.headers == nil {
		p.headers = http.Header{}
	}
	p.headers.Set(header, value)
	return p
}

func problem(status int, code, detail, remedy string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Remedy: remedy}
}

func fieldProblem(field, code, detail, remedy string) *Problem {
	p := problem(http.StatusUnprocessableEntity, code, detail, remedy)
	p.Field = field
	return p
}

func notFound(kind, name string) *Problem {
	p := problem(http.StatusNotFound, codeNotFound, fmt.Sprintf("no %s %q", kind, short(name)), "List what exists with GET, and check the spelling.")
	p.Field = kind
	return p
}

// problemOf is the only place where errors become status codes.
func problemOf(err error) *Problem {
	var p *Problem
	var f *surgecast.FieldError
	var full *surgecast.LimitError
	var op *net.OpError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &f):
		p = fieldProblem(f.Field, codeInvalidValue, f.Detail, f.Remedy)
		if f.Line > 0 {
			p.Errors = []ProblemDetail{{Row: f.Line, Field: f.Field, Code: codeInvalidValue, Detail: f.Detail, Remedy: f.Remedy}}
		}
	case errors.As(err, &full):
		p = problem(http.StatusConflict, codeLimit, full.Detail(), full.Remedy)
		p.Field = full.Field
	case errors.Is(err, surgecast.ErrNotFound):
		p = problem(http.StatusNotFound, codeNotFound, "there is no such thing", "List what exists with GET, and check the spelling.")
	case errors.Is(err, surgecast.ErrExists):
		p = problem(http.StatusConflict, codeExists, "the name is taken", "Choose another name, or PUT to change the one that exists.")
	case errors.Is(err, surgecast.ErrConflict):
		p = problem(http.StatusConflict, codeConflict, "this conflicts with what is stored", "Read it again with GET and repeat the change.")
	case errors.As(err, &op):
		p = problem(http.StatusServiceUnavailable, codeStorage, "the database cannot be reached", "Try again in some seconds; /scale and /risk answer from memory meanwhile.").with("Retry-After", "5")
	case errors.Is(err, context.Canceled):
		// The asker hung up: nobody reads this, and nothing failed here.
		p = problem(http.StatusServiceUnavailable, codeTimeout, "the request was given up", "Ask again.")
	case errors.Is(err, context.DeadlineExceeded):
		p = problem(http.StatusServiceUnavailable, codeTimeout, "this took too long", "Ask for a shorter span, or try again.").with("Retry-After", "5")
	default:
		p = problem(http.StatusInternalServerError, codeInternal, "something failed on our side", "Try again; if it stays, give the operator the reference.")
	}
	p.cause = err
	return p
}

// fromHuma turns what huma found wrong with the input into a Problem. Values are not echoed: a body may
// hold a secret.
func fromHuma(m *huma.ErrorModel) *Problem {
	p := problem(m.Status, codeInvalidValue, m.Detail, "See /docs for what this route takes.")
	switch m.Status {
	case http.StatusInternalServerError:
		p.Code, p.Detail, p.Remedy = codeInternal, "something failed on our side", "Try again; if it stays, give the operator the reference."
		if len(m.Errors) > 0 {
			p.cause = errors.New(m.Errors[0].Message)
		}
		return p
	case http.StatusBadRequest:
		p.Code, p.Remedy = codeBadJSON, "Send one JSON document as /docs describes it."
		p.Field = "body"
	case http.StatusRequestEntityTooLarge:
		p.Code, p.Remedy = codeTooLarge, "Send less in one request."
		p.Field = "body"
	case http.StatusUnsupportedMediaType:
		p.Code, p.Remedy = codeUnsupportedType, "Send Content-Type: application/json."
		p.Field = "Content-Type"
	}
	for _, e := range m.Errors {
		d := detailOf(e)
		if m.Status == http.StatusBadRequest {
			d.Code, d.Detail = codeBadJSON, "not a JSON document of the form this route takes"
		}
		p.Errors = append(p.Errors, d)
	}
	if len(p.Errors) > 0 && m.Status == http.StatusUnprocessableEntity {
		first := p.Errors[0]
		p.Code, p.Field, p.Detail, p.Remedy = first.Code, first.Field, first.Detail, first.Remedy
	}
	return p
}

func detailOf(e *huma.ErrorDetail) ProblemDetail {
	where, field, _ := strings.Cut(e.Location, ".")
	if field == "" {
		field = where
	}
	d := ProblemDetail{Field: field, Code: codeInvalidValue, Detail: e.Message, Remedy: "Give a value that fits."}
	switch {
	case strings.HasPrefix(e.Message, "expected required property "):
		name := strings.TrimSuffix(strings.TrimPrefix(e.Message, "expected required property "), " to be present")
		if where == e.Location {
			d.Field = name
		} else {
			d.Field = field + "." + name
		}
		d.Code, d.Detail, d.Remedy = codeMissingField, name+" is missing", "Send "+name+"."
	case strings.HasPrefix(e.Message, "required "):
		d.Code, d.Detail, d.Remedy = codeMissingField, field+" is missing", "Send "+field+"."
	case e.Message == "unexpected property", e.Message == "unknown query parameter":
		d.Code, d.Detail, d.Remedy = codeUnknownField, "this route knows no "+short(field), "Leave it out, or check the spelling in /docs."
	case strings.HasPrefix(e.Message, "invalid integer"), strings.HasPrefix(e.Message, "invalid float"),
		strings.HasPrefix(e.Message, "invalid boolean"), strings.HasPrefix(e.Message, "invalid date/time"),
		e.Message == "expected string", e.Message == "expected number", e.Message == "expected integer", e.Message == "expected boolean",
		e.Message == "expected array", e.Message == "expected object":
		d.Code, d.Remedy = codeBadType, "Send the type /docs gives for "+short(field)+"."
	default:
		d.Remedy = "Change " + short(field) + ": " + e.Message + "."
	}
	return d
}

// sign gives the problem its reference and writes it to the log, once. The log gets the route, never
// the address, the headers or the body: those may hold secrets.
func (s *Server) sign(ctx context.Context, p *Problem) *Problem {
	if p.Reference != "" {
		return p
	}
	p.Reference = surgecast.NewSecret(8)
	level := slog.LevelInfo
	if p.Status >= 500 && p.Status != http.StatusServiceUnavailable {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("reference", p.Reference),
		slog.Int("status", p.Status),
		slog.String("code", p.Code),
	}
	if p.Field != "" {
		attrs = append(attrs, slog.String("field", short(p.Field)))
	}
	if r, ok := ctx.Value(routeKey{}).(string); ok {
		attrs = append(attrs, slog.String("route", r))
	}
	if who := caller(ctx); who.key != "" {
		attrs = append(attrs, slog.String("key", who.key))
	}
	if p.cause != nil {
		attrs = append(attrs, slog.String("error", p.cause.Error()))
	}
	s.log.LogAttrs(ctx, level, "request refused", attrs...)
	return p
}

// routeKey holds "METHOD /path/with/:names" in the request's context.
type routeKey struct{}

// short cuts what came from outside before it is shown again.
func short(v string) string {
	const most = 64
	if len(v) <= most {
		return v
	}
	return strings.ToValidUTF8(v[:most], "") + "…"
}
