package store_test

import (
	"errors"
	"testing"

	"surgecast"
)

// A sender has two secrets while it rotates, and one after.
// Fails when: secrets[1] in rotateSenderSQL becomes secrets[2].
func TestPushSenderRotates(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	p := must[surgecast.PushSender](t)(s.CreatePushSender(ctx, surgecast.PushSender{
		AccountID: surgecast.DefaultAccount, Name: "brandwatch", Source: "brandwatch:acme", Sites: []int64{7}, Secrets: [][]byte{[]byte("one")}, CreatedAt: t0,
	}))
	secrets := func(p surgecast.PushSender) (all string) {
		for _, s := range p.Secrets {
			all += string(s) + " "
		}
		return all
	}
	for _, step := range []struct {
		secret string
		keep   bool
		want   string
	}{{"two", true, "two one "}, {"three", true, "three two "}, {"four", false, "four "}, {"five", true, "five four "}} {
		p = must[surgecast.PushSender](t)(s.RotatePushSender(ctx, p.AccountID, p.ID, []byte(step.secret), step.keep, minute(1)))
		if secrets(p) != step.want || !p.RotatedAt.Equal(minute(1)) {
			t.Errorf("after %s: %q at %v, want %q", step.secret, secrets(p), p.RotatedAt, step.want)
		}
	}
	p = must[surgecast.PushSender](t)(s.DropOldPushSecret(ctx, p.AccountID, p.ID))
	found := must[surgecast.PushSender](t)(s.PushSenderByID(ctx, p.ID))
	if secrets(p) != "five " || secrets(found) != "five " || found.Source != "brandwatch:acme" || len(found.Sites) != 1 || found.Name != "brandwatch" {
		t.Errorf("%+v", found)
	}
	if list, _, err := s.PushSenders(ctx, 2, surgecast.Page{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("another account lists %v, %v", list, err)
	}
	for name, err := range map[string]error{
		"rotate": func() error { _, err := s.RotatePushSender(ctx, 2, p.ID, []byte("x"), true, t0); return err }(),
		"drop":   func() error { _, err := s.DropOldPushSecret(ctx, 2, p.ID); return err }(),
		"delete": s.DeletePushSender(ctx, 2, p.ID),
	} {
		if !errors.Is(err, surgecast.ErrNotFound) {
			t.Errorf("%s of another account's sender: %v", name, err)
		}
	}
	ok(t, s.DeletePushSender(ctx, p.AccountID, p.ID))
	if _, err := s.PushSenderByID(ctx, p.ID); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("after delete: %v", err)
	}
}
