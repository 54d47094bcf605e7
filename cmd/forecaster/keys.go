package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"surgecast"
	"surgecast/api"
)

type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Make an API key; it is shown once."`
	List   keyListCmd   `cmd:"" help:"List the keys (never the keys themselves)."`
	Remove keyRemoveCmd `cmd:"" help:"Remove a key; it stops working within 30 seconds."`
}

type keyCreateCmd struct {
	Name   string   `help:"What it is for." default:"key"`
	Scopes []string `help:"read, write, scale, admin." default:"read"`
	Site   []string `help:"Only these sites."`
	IfNone bool     `name:"if-none" help:"Only when there is no key yet (first start in a container)."`
	Out    string   `help:"Write the key to this file (mode 0600) instead of showing it." placeholder:"FILE"`
}

func (c *keyCreateCmd) Run(ctx context.Context, g *Global) error {
	k := surgecast.Key{ID: surgecast.NewID("key_"), AccountID: surgecast.DefaultAccount, Name: c.Name, CreatedAt: time.Now().UTC()}
	for _, s := range c.Scopes {
		switch sc := surgecast.Scope(s); sc {
		case surgecast.ScopeRead, surgecast.ScopeWrite, surgecast.ScopeScale, surgecast.ScopeAdmin:
			k.Scopes = append(k.Scopes, sc)
		default:
			return &surgecast.FieldError{Field: "scopes", Value: s, Detail: "is not a scope", Remedy: "Use read, write, scale or admin."}
		}
	}
	return withStore(ctx, g, func(db *database) error {
		if c.IfNone {
			have, _, err := db.Keys(ctx, surgecast.DefaultAccount, surgecast.Page{Limit: 1})
			if err != nil {
				return err
			}
			if len(have) > 0 {
				_, err := fmt.Fprintln(g.out, "a key exists already: none made")
				return err
			}
		}
		for _, slug := range c.Site {
			s, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, slug)
			if err != nil {
				return unknownSite(slug, err)
			}
			k.Sites = append(k.Sites, s.ID)
		}
		secret, sum := api.NewKey()
		k.Prefix = api.KeyPrefix(secret)
		if c.Out != "" {
			if err := os.MkdirAll(filepath.Dir(c.Out), 0o700); err != nil {
				return fmt.Errorf("folder of the key file: %w", err)
			}
			if err := os.WriteFile(c.Out, []byte(secret+"\n"), 0o600); err != nil {
				return fmt.Errorf("writing the key file: %w", err)
			}
		}
		made, err := db.CreateKey(ctx, k, sum)
		if err != nil {
			return fmt.Errorf("storing the key: %w", err)
		}
		if c.Out != "" {
			_, err = fmt.Fprintf(g.out, "made key %s (%s), written to %s\n", made.ID, scopeWords(made.Scopes), c.Out)
			return err
		}
		_, err = fmt.Fprintf(g.out, "%s\nThis is the only time it is shown. Send it as `Authorization: Bearer …` or `X-API-KEY: …`.\n", secret)
		return err
	})
}

func scopeWords(s []surgecast.Scope) string {
	out := make([]string, len(s))
	for i := range s {
		out[i] = string(s[i])
	}
	return strings.Join(out, ", ")
}

type keyListCmd struct{}

func (keyListCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		keys, _, err := db.Keys(ctx, surgecast.DefaultAccount, surgecast.Page{Limit: 1000})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "KEY\tBEGINS\tNAME\tSCOPES\tMADE")
		for _, k := range keys {
			fmt.Fprintf(w, "%s\t%s…\t%s\t%s\t%s\n", k.ID, k.Prefix, k.Name, scopeWords(k.Scopes), k.CreatedAt.UTC().Format("2006-01-02 15:04Z"))
		}
		return w.Flush()
	})
}

type keyRemoveCmd struct {
	ID string `arg:"" help:"The key's id (key_…)."`
}

func (c *keyRemoveCmd) Run(ctx context.Context, g *Global) error {
	return withStore(ctx, g, func(db *database) error {
		if err := db.DeleteKey(ctx, surgecast.DefaultAccount, c.ID); err != nil {
			return fmt.Errorf("%w: see `forecaster key list`", err)
		}
		_, err := fmt.Fprintf(g.out, "removed key %s\n", c.ID)
		return err
	})
}
