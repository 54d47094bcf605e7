package api

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// sayNull makes the specification say which documents inside documents may be null: those behind a pointer without
// omitempty. The framework writes a bare reference for them, which clients generated from it refuse when null comes.
func sayNull(schemas huma.Registry) {
	for name, s := range schemas.Map() {
		if t := schemas.TypeFromRef("#/components/schemas/" + name); t != nil {
			sayNullIn(t, s)
		}
	}
}

func sayNullIn(t reflect.Type, s *huma.Schema) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			sayNullIn(f.Type, s)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := s.Properties[name]
		if f.Type.Kind() != reflect.Pointer || p == nil || p.Ref == "" || strings.Contains(options, "omitempty") {
			continue
		}
		s.Properties[name] = &huma.Schema{OneOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}, Description: f.Tag.Get("doc")}
	}
}

// finite lists the query parameters of a route that are numbers: Go reads NaN and Inf as such, and neither a bound nor
// a sum stops them.
func finite(op *huma.Operation) (names []string) {
	for _, p := range op.Parameters {
		if p.In == "query" && p.Schema != nil && p.Schema.Type == huma.TypeNumber {
			names = append(names, p.Name)
		}
	}
	return names
}
