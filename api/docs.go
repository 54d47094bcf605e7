package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// docsPage is the reference drawn by the server, for machines where the dashboard is not built and
// browsers without script. Everything on it comes from the specification.
type docsPage struct{ html []byte }

const docsCSP = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *Server) docsRoutes() {
	s.drawn = &docsPage{s.drawDocs()}
	s.engine.Match(looking, "/openapi.json", func(c *gin.Context) {
		c.Header("Cache-Control", "no-cache")
		send(c, "application/vnd.oai.openapi+json;version=3.1; charset=utf-8", s.spec)
	})
	s.engine.Match(looking, "/docs", func(c *gin.Context) {
		if s.file(c, "docs/index.html", docsCSP, "no-cache") {
			return
		}
		c.Header("Content-Security-Policy", plainCSP)
		c.Header("Cache-Control", "no-cache")
		send(c, "text/html; charset=utf-8", s.drawn.html)
	})
}

type docsOperation struct {
	Method, Path, Summary, Description string
	Inputs                             []docsInput
	Body                               string
}

type docsInput struct{ In, Name, Doc string }

func (s *Server) drawDocs() []byte {
	var ops []docsOperation
	paths := s.api.OpenAPI().Paths
	names := make([]string, 0, len(paths))
	for p := range paths {
		names = append(names, p)
	}
	slices.Sort(names)
	for _, p := range names {
		item := paths[p]
		for _, o := range []opAt{{"GET", item.Get}, {"POST", item.Post}, {"PUT", item.Put}, {"DELETE", item.Delete}} {
			if o.op == nil {
				continue
			}
			d := docsOperation{Method: o.method, Path: p, Summary: o.op.Summary, Description: o.op.Description}
			for _, in := range o.op.Parameters {
				d.Inputs = append(d.Inputs, docsInput{in.In, in.Name, in.Description})
			}
			if o.op.RequestBody != nil {
				if m := o.op.RequestBody.Content["application/json"]; m != nil && m.Schema != nil {
					d.Body = strings.TrimPrefix(m.Schema.Ref, "#/components/schemas/")
					if d.Body == "" && m.Schema.Items != nil {
						d.Body = "array of " + strings.TrimPrefix(m.Schema.Items.Ref, "#/components/schemas/")
					}
				}
			}
			ops = append(ops, d)
		}
	}
	type schema struct{ Name, JSON string }
	var schemas []schema
	all := s.api.OpenAPI().Components.Schemas.Map()
	kinds := make([]string, 0, len(all))
	for n := range all {
		kinds = append(kinds, n)
	}
	slices.Sort(kinds)
	for _, n := range kinds {
		b, err := json.MarshalIndent(all[n], "", "  ")
		if err != nil {
			panic("schema " + n + ": " + err.Error())
		}
		schemas = append(schemas, schema{n, string(b)})
	}
	var out bytes.Buffer
	err := docsTemplate.Execute(&out, map[string]any{"Ops": ops, "Schemas": schemas, "Version": specVersion})
	if err != nil {
		panic(fmt.Sprintf("drawing the reference: %v", err))
	}
	return out.Bytes()
}

var docsTemplate = template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Surgecast API</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.5rem;border:1px solid #8886}h2{font-size:1.1rem;margin:2rem 0 .25rem}th,td{text-align:left;padding:.1rem .8rem .1rem 0;vertical-align:top}</style>
</head><body>
<h1>Surgecast API {{.Version}}</h1>
<p>The specification itself: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1). Errors are <code>application/problem+json</code> with <code>code</code>, <code>field</code>, <code>remedy</code> and a <code>reference</code> that stands in the log.</p>
{{range .Ops}}<h2><code>{{.Method}} {{.Path}}</code></h2><p>{{.Summary}}.{{if .Description}}<br>{{.Description}}{{end}}</p>
{{if .Inputs}}<table>{{range .Inputs}}<tr><td>{{.In}}</td><th scope="row"><code>{{.Name}}</code></th><td>{{.Doc}}</td></tr>{{end}}</table>{{end}}
{{if .Body}}<p>Body: <code>{{.Body}}</code></p>{{end}}{{end}}
<h1>Documents</h1>
{{range .Schemas}}<details><summary><code>{{.Name}}</code></summary><pre>{{.JSON}}</pre></details>{{end}}
</body></html>
`))

type opAt struct {
	method string
	op     *huma.Operation
}
