package api

import (
	"reflect"
	"testing"

	"surgecast"
)

// What the sentences' one function says reaches who asks: no field of a verdict is left behind on the way to JSON.
//
// Fails when: verdictBody leaves one out.
func TestAVerdictIsToldWhole(t *testing.T) {
	var v surgecast.Verdict
	said := reflect.ValueOf(&v).Elem()
	for i := range said.NumField() {
		switch f := said.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("said")
		case reflect.Float64:
			f.SetFloat(1)
		case reflect.Int:
			f.SetInt(1)
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"said"}))
		default:
			t.Fatalf("%s: a %s", said.Type().Field(i).Name, f.Kind())
		}
	}
	body := reflect.ValueOf(verdictBody(v))
	if body.NumField() != said.NumField() {
		t.Errorf("%d fields of %d", body.NumField(), said.NumField())
	}
	for i := range body.NumField() {
		if body.Field(i).IsZero() {
			t.Errorf("%s is not told", body.Type().Field(i).Name)
		}
	}
}
