package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"surgecast"
	"surgecast/api"
)

// selfSigned writes a certificate and its key.
func selfSigned(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for file, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// Every combination of KEDA's flags that cannot work ends the start with the flag at fault and what to do, before a
// database is opened; with a database, the listener would be open to everybody or to nobody.
// Fails when: kedaFlags.open loses any of its cases; serve opens the database first.
func TestKEDAFlagsThatCannotWork(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, dir, "server")
	_, other := selfSigned(t, dir, "other")
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(dir, "gone.pem")
	taken := freeListener(t)
	on := "--keda-listen=127.0.0.1:0"
	for _, c := range []struct {
		name  string
		code  int
		flags []string
		says  []string
	}{
		{"a certificate and no address", 2, []string{"--keda-cert=" + cert, "--keda-key=" + key}, []string{"--keda-listen", "for example --keda-listen :8081"}},
		{"an authority and no address", 2, []string{"--keda-client-ca=" + cert}, []string{"--keda-listen"}},
		{"a certificate without its key", 2, []string{on, "--keda-cert=" + cert}, []string{"--keda-cert and --keda-key belong together"}},
		{"a key without its certificate", 2, []string{on, "--keda-key=" + key}, []string{"--keda-cert and --keda-key belong together"}},
		{"an authority without a certificate", 2, []string{on, "--keda-client-ca=" + cert}, []string{"--keda-client-ca needs --keda-cert and --keda-key"}},
		{"a key of another certificate", 2, []string{on, "--keda-cert=" + cert, "--keda-key=" + other}, []string{"--keda-cert, --keda-key", "private key does not match"}},
		{"a certificate that is not there", 2, []string{on, "--keda-cert=" + gone, "--keda-key=" + key}, []string{"--keda-cert, --keda-key", "gone.pem"}},
		{"a certificate that is none", 2, []string{on, "--keda-cert=" + empty, "--keda-key=" + key}, []string{"--keda-cert, --keda-key"}},
		{"an authority that is not there", 2, []string{on, "--keda-cert=" + cert, "--keda-key=" + key, "--keda-client-ca=" + gone}, []string{"--keda-client-ca", "gone.pem"}},
		{"an authority that is none", 2, []string{on, "--keda-cert=" + cert, "--keda-key=" + key, "--keda-client-ca=" + empty}, []string{"--keda-client-ca", "no certificate in PEM form"}},
		{"an address that is taken", 1, []string{"--keda-listen=" + taken}, []string{taken, "in use", "--keda-listen"}},
		{"a role that answers nobody", 2, []string{on, "--roles=engine"}, []string{"--keda-listen needs the role api"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := filepath.Join(t.TempDir(), "s")
			var out, errOut bytes.Buffer
			args := append([]string{"serve", "--state-dir=" + state, "--listen=127.0.0.1:0", "--metrics="}, c.flags...)
			if code := run(t.Context(), args, &out, &errOut); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, s := range c.says {
				if !strings.Contains(errOut.String(), s) {
					t.Errorf("%q is not said:\n%s", s, errOut.String())
				}
			}
			if _, err := os.Stat(state); err == nil {
				t.Error("a state directory was made first")
			}
		})
	}
}

func freeListener(t *testing.T) string {
	t.Helper()
	l, err := listen("127.0.0.1:0", "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// Limits out of range are refused with the flag; zero is none; room for bursts grows with the rate.
// Fails when: limits does not look at NaN, or leaves the burst.
func TestLimitFlags(t *testing.T) {
	for _, c := range []struct{ flag, says string }{
		{"--limit-reads=-1", "--limit-reads -1: use"},
		{"--limit-writes=NaN", "--limit-writes NaN: use"},
		{"--limit-pushes=1e9", "--limit-pushes 1e+09: use"},
		{"--limit-public=+Inf", "--limit-public +Inf: use"},
		{"--limit-push-mb=0", "use 1 to 64"},
		{"--limit-push-mb=65", "use 1 to 64"},
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), []string{"serve", "--state-dir=" + filepath.Join(t.TempDir(), "s"), c.flag}, &out, &errOut); code != exitWrongUse || !strings.Contains(errOut.String(), c.says) {
			t.Errorf("%s: exit %d, %s", c.flag, code, errOut.String())
		}
	}
	d := api.DefaultLimits()
	f := limitFlags{Reads: d.Read.PerSecond * 2, Writes: 0, Pushes: d.Push.PerSecond, Public: .001, PushMB: 5}
	got, err := f.limits()
	if err != nil {
		t.Fatal(err)
	}
	if got.Read != (api.Limit{PerSecond: 2 * d.Read.PerSecond, Burst: 2 * d.Read.Burst}) || got.Write != (api.Limit{}) || got.Push != d.Push || got.Public.Burst != 1 || got.Heavy != d.Heavy {
		t.Errorf("%+v", got)
	}
}

// A site file's webhooks are checked where they are read, by entry and field, and become endpoints of their format.
// Fails when: readSiteFile does not check them; addWebhook seals no address of a format whose address is the secret.
func TestSiteFileWebhooks(t *testing.T) {
	file := func(hook string) error {
		path := filepath.Join(t.TempDir(), "site.yaml")
		if err := os.WriteFile(path, []byte("site: shop\nwebhooks:\n  - "+hook+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readSiteFile(path)
		return err
	}
	for hook, says := range map[string]string{
		`{url: https://x.example, format: teams}`:              "Use one of standard, cloudevents",
		`{url: x.example}`:                                     "Write https:// and a host",
		`{format: slack}`:                                      "Write https:// and a host",
		`{url: https://x.example, format: slack, secret: abc}`: "Leave it out",
		`{format: pagerduty}`:                                  "secret_env",
		`{url: https://x.example, types: [surge.open]}`:        "Use some of surge.opened",
		`{url: https://x.example, format: alertmanager, types: [recommendation.changed]}`: "Use some of surge.opened",
	} {
		if err := file(hook); err == nil || !strings.Contains(err.Error(), "webhooks, entry 1") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", hook, err)
		}
	}
	for _, hook := range []string{`{url: https://x.example}`, `{url: https://hooks.slack.com/services/T/B/x, format: slack}`, `{format: pagerduty, secret_env: KEY}`} {
		if err := file(hook); err != nil {
			t.Errorf("%s: %v", hook, err)
		}
	}

	c := newCourse(t, 1)
	a := &app{g: &Global{errOut: &bytes.Buffer{}}, db: &database{Store: c.db}, clock: c.now, key: bytes.Repeat([]byte{7}, 32)}
	t.Setenv("COURSE_ROUTING_KEY", strings.Repeat("k", 32))
	for _, h := range []siteFileHook{
		{URL: "https://hooks.slack.com/services/T0/B0/secret", Format: "slack"},
		{Format: "pagerduty", SecretEnv: "COURSE_ROUTING_KEY"},
		{URL: "https://ops.example/hook", Format: "cloudevents", Types: []string{surgecast.TypeSurgeOpened}},
	} {
		if err := addWebhook(t.Context(), a, h, c.site.ID); err != nil {
			t.Fatal(err)
		}
		ws, _, err := c.db.Webhooks(t.Context(), surgecast.DefaultAccount, surgecast.Page{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var w surgecast.Webhook
		for _, x := range ws {
			if string(x.Format) == h.Format {
				w = x
			}
		}
		if w.ID == "" || strings.Contains(w.URL, "secret") || w.Format.SecretAddress() != (len(w.SealedURL) > 0) || (h.Format == "slack") != (len(w.Secrets) == 0) || h.Types == nil && w.Types == nil {
			t.Errorf("%+v became %+v", h, w)
		}
	}
}
