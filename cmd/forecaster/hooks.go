package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"surgecast"
	"surgecast/notify"
)

// siteFileHook is an endpoint of a site file, or of --webhook.
type siteFileHook struct {
	URL       string   `yaml:"url"`
	Format    string   `yaml:"format"` // standard when empty
	Secret    string   `yaml:"secret"` // whsec_…; of pagerduty the routing key
	SecretEnv string   `yaml:"secret_env"`
	Types     []string `yaml:"types"`
}

const pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

var (
	hookFormats = []string{
		string(surgecast.FormatStandard), string(surgecast.FormatCloudEvents), string(surgecast.FormatAlertmanager),
		string(surgecast.FormatPagerDuty), string(surgecast.FormatSlack),
	}
	routingKey = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)
)

func (h siteFileHook) format() surgecast.Format {
	if h.Format == "" {
		return surgecast.FormatStandard
	}
	return surgecast.Format(h.Format)
}

// check refuses what could never be sent.
func (h siteFileHook) check() error {
	f := h.format()
	if !slices.Contains(hookFormats, string(f)) {
		return &surgecast.FieldError{Field: "format", Value: h.Format, Detail: "is not a format of messages", Remedy: "Use one of " + strings.Join(hookFormats, ", ") + "."}
	}
	if u, err := url.Parse(h.URL); h.URL != "" || f != surgecast.FormatPagerDuty {
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return &surgecast.FieldError{Field: "url", Detail: "is not an address that takes messages", Remedy: "Write https:// and a host."}
		}
	}
	if f == surgecast.FormatSlack && h.Secret+h.SecretEnv != "" {
		return &surgecast.FieldError{Field: "secret", Detail: "slack messages are not signed: the address is the secret", Remedy: "Leave it out."}
	}
	if f == surgecast.FormatPagerDuty && h.Secret+h.SecretEnv == "" {
		return &surgecast.FieldError{Field: "secret", Detail: "pagerduty needs its routing key", Remedy: "Name a variable with the 32 characters of the Events API v2 integration: secret_env."}
	}
	for _, t := range h.Types {
		if !slices.Contains(surgecast.MessageTypes(), t) || !f.Carries(t) {
			some := f.Types()
			if some == nil {
				some = surgecast.MessageTypes()
			}
			return &surgecast.FieldError{Field: "types", Value: t, Detail: "is no message of format " + string(f), Remedy: "Use some of " + strings.Join(some, ", ") + "."}
		}
	}
	return nil
}

// checkHookFlag refuses an address of --webhook whose messages would go over the network in the open.
func checkHookFlag(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || !onLoopback(u.Hostname())) {
		return &surgecast.FieldError{Field: "--webhook", Detail: "is neither an https address nor one on this machine", Remedy: "Write https:// and a host, or http://127.0.0.1:PORT and a path."}
	}
	return nil
}

// shown is the address as the database shows it: of some formats who knows the rest may write there.
func (h siteFileHook) shown() string {
	address := h.URL
	if address == "" {
		address = pagerDutyURL
	}
	if u, err := url.Parse(address); err == nil && h.format().SecretAddress() {
		return u.Scheme + "://" + u.Host
	}
	return address
}

// secret is what messages are signed or accepted with; nil: nothing.
func (h siteFileHook) secret(a *app) ([]byte, error) {
	given := h.Secret
	if given == "" && h.SecretEnv != "" {
		if given = os.Getenv(h.SecretEnv); given == "" {
			return nil, usage("webhook %s: the environment variable %s with its secret is empty", h.shown(), h.SecretEnv)
		}
	}
	switch {
	case h.format() == surgecast.FormatSlack:
		return nil, nil
	case h.format() == surgecast.FormatPagerDuty:
		if !routingKey.MatchString(given) {
			return nil, usage("webhook %s: not a routing key of PagerDuty: 32 letters and digits of the Events API v2 integration", h.shown())
		}
		return []byte(given), nil
	case given == "":
		raw := notify.NewSecret()
		fmt.Fprintf(a.g.errOut, "webhook %s is signed with %s\n", h.shown(), notify.FormatSecret(raw))
		return raw, nil
	}
	raw, err := notify.ParseSecret(given)
	if err != nil {
		return nil, usage("webhook %s: %w", h.shown(), err)
	}
	return raw, nil
}

// addWebhook registers an endpoint named in a file or on the command line.
func addWebhook(ctx context.Context, a *app, h siteFileHook, siteID int64) error {
	if err := h.check(); err != nil {
		return fmt.Errorf("webhook %s: %w", h.shown(), err)
	}
	f := h.format()
	w := surgecast.Webhook{ID: surgecast.NewID("whk_"), AccountID: surgecast.DefaultAccount, URL: h.shown(), Format: f, Types: h.Types, CreatedAt: a.clock().UTC()}
	if len(w.Types) == 0 {
		w.Types = f.Types()
	}
	raw, err := h.secret(a)
	if err != nil {
		return err
	}
	if raw != nil {
		sealed, err := notify.Seal(a.key, raw)
		if err != nil {
			return fmt.Errorf("webhook %s: %w", h.shown(), err)
		}
		w.Secrets = [][]byte{sealed}
	}
	if f.SecretAddress() {
		if w.SealedURL, err = notify.Seal(a.key, []byte(h.URL)); err != nil {
			return fmt.Errorf("webhook %s: %w", h.shown(), err)
		}
	}
	if siteID != 0 {
		w.Sites = []int64{siteID}
	}
	if _, err := a.db.CreateWebhook(ctx, w); err != nil {
		return fmt.Errorf("webhook %s: %w", h.shown(), err)
	}
	return nil
}
