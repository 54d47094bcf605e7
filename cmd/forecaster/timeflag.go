package main

import (
	"fmt"
	"reflect"
	"time"

	"github.com/alecthomas/kong"
)

// timeFlag reads moments of flags: RFC 3339, and says how to write one when it is something else.
func timeFlag(ctx *kong.DecodeContext, target reflect.Value) error {
	var said string
	if err := ctx.Scan.PopValueInto("time", &said); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, said)
	if err != nil {
		return fmt.Errorf("%q is no moment: write 2026-12-01T15:00:00Z, or with an offset 2026-12-01T16:00:00+01:00", said)
	}
	target.Set(reflect.ValueOf(at))
	return nil
}
