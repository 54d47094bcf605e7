package api

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"surgecast"
)

// specVersion is the version of the contract, not of the program.
const specVersion = "1.0.0"

func (s *Server) routes() {
	gin.SetMode(gin.ReleaseMode) // gin's only other mode prints to standard output
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.ContextWithFallback = true
	_ = e.SetTrustedProxies(nil) // nil cannot fail
	e.Use(s.observe, s.secure, s.admit, s.limit, s.body)
	e.NoRoute(s.static)
	e.NoMethod(s.otherMethod)
	s.engine = e

	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Surgecast",
				Version:     specVersion,
				Description: "Forecasts of the visits a site will get, how likely it is to be overwhelmed, how many units it needs, and by when someone must act. Times are RFC 3339 UTC; names carry units.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer":  {Type: "http", Scheme: "bearer"},
					"apiKey":  {Type: "apiKey", In: "header", Name: "X-API-KEY", Description: "What KEDA's metrics-api sends"},
					"session": {Type: "apiKey", In: "cookie", Name: sessionCookie},
				},
			},
			Security: []map[string][]string{{"bearer": {}}, {"apiKey": {}}, {"session": {}}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers: []huma.Transformer{func(ctx huma.Context, _ string, v any) (any, error) {
			if m, ok := v.(*huma.ErrorModel); ok {
				return s.sign(ctx.Context(), fromHuma(m)), nil
			}
			return v, nil
		}},
	}
	s.api = humagin.New(e, config)

	s.siteRoutes()
	s.topicRoutes()
	s.pushRoutes()
	s.forecastRoutes()
	s.scaleRoutes()
	s.surgeRoutes()
	s.webhookRoutes()
	s.keyRoutes()
	s.liveRoutes()
	s.checkRoutes()
	s.eventRoutes()
	s.markRoutes()
	s.statusRoutes()
	s.reviewRoutes()
	s.scoreRoutes()
	s.shareRoutes()
	s.cardRoutes()
	s.sourceRoutes()
	s.ladderRoutes()
	s.scheduleRoutes()
	s.admissionRoutes()
	s.loadTestRoutes()

	s.finishSpec()
	s.healthRoutes()
	s.docsRoutes()
	s.staticRoutes()
	s.limits = newLimiter(*s.c.Limits, s.c.Wall, e.Routes())
}

// operation is a route: its method, address, one-line summary and the scope it asks for.
func operation(method, path, id, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tagOf(path)}}
}

func tagOf(path string) string {
	rest := strings.TrimPrefix(path, "/v1/")
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// register adds a route under /v1: the scope it needs, and one way for errors to become problems.
func register[I, O any](s *Server, op huma.Operation, need surgecast.Scope, h func(context.Context, *I) (*O, error)) {
	path := strings.NewReplacer("{", ":", "}", "").Replace(op.Path)
	if need != "" {
		s.scopes[op.Method+" "+path] = need
		op.Description = strings.TrimSpace(op.Description + "\n\nNeeds scope `" + string(need) + "`.")
	} else {
		op.Security = []map[string][]string{{}}
	}
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["default"] = &huma.Response{
		Description: "Problem (RFC 9457)",
		Content: map[string]*huma.MediaType{"application/problem+json": {
			Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem"),
		}},
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, s.sign(ctx, problemOf(err))
		}
		return out, nil
	})
}

// finishSpec keeps the specification as bytes: the same that are committed and compared by a test.
func (s *Server) finishSpec() {
	sayNull(s.api.OpenAPI().Components.Schemas)
	for path, item := range s.api.OpenAPI().Paths {
		if item.Get != nil {
			s.finite["GET "+strings.NewReplacer("{", ":", "}", "").Replace(path)] = finite(item.Get)
		}
	}
	schemas := s.api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel") // the framework's own error, which nobody gets
	delete(schemas, "ErrorDetail")
	b, err := json.MarshalIndent(s.api.OpenAPI(), "", "  ")
	if err != nil {
		panic("the specification cannot be written: " + err.Error())
	}
	s.spec = append(b, '\n')
}

// Spec is the OpenAPI 3.1 document, as served at /openapi.json.
func (s *Server) Spec() []byte { return s.spec }
