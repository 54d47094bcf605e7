package notify_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"surgecast"
	"surgecast/notify"
)

// The vector of the Standard Webhooks libraries' own tests.
func TestSignKnownAnswer(t *testing.T) {
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got, err := notify.Sign([][]byte{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

// Each of two signatures verifies with its own secret and not with a third.
func TestSignWithTwoSecrets(t *testing.T) {
	a, b, c := notify.NewSecret(), notify.NewSecret(), notify.NewSecret()
	now, body := time.Now(), []byte(`{"type":"test"}`)
	signature, err := notify.Sign([][]byte{a, b}, "dlv_1", now, body)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set("webhook-id", "dlv_1")
	h.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	h.Set("webhook-signature", signature)
	for i, secret := range [][]byte{a, b, c} {
		v, err := standardwebhooks.NewWebhook(notify.FormatSecret(secret))
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(body, h); (err == nil) != (i < 2) {
			t.Errorf("secret %d: %v", i, err)
		}
	}
	if _, err := notify.Sign(nil, "dlv_1", now, body); err == nil {
		t.Error("signed without a secret")
	}
}

func TestSecretFormat(t *testing.T) {
	s := notify.NewSecret()
	text := notify.FormatSecret(s)
	back, err := notify.ParseSecret(text)
	if err != nil || !bytes.Equal(back, s) || !strings.HasPrefix(text, "whsec_") || len(s) < 24 {
		t.Errorf("%s: %v", text, err)
	}
	for _, bad := range []string{"", "whsec_", "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)), base64.StdEncoding.EncodeToString(make([]byte, 65)), "whsec_nötbase64"} {
		if _, err := notify.ParseSecret(bad); !errors.Is(err, notify.ErrSecret) || (len(bad) > 8 && strings.Contains(err.Error(), bad[8:])) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Sealed twice, a secret looks different; opened, it is the same; with another key, a changed bit at any
// place or a cut it does not open.
func TestSeal(t *testing.T) {
	key, secret := notify.NewSecret(), notify.NewSecret()
	one, err := notify.Seal(key, secret)
	if err != nil {
		t.Fatal(err)
	}
	two, _ := notify.Seal(key, secret)
	if bytes.Equal(one, two) || bytes.Contains(one, secret) {
		t.Error("the sealed value gives the secret away")
	}
	if got, err := notify.Open(key, one); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("opened %x, %v", got, err)
	}
	if _, err := notify.Open(notify.NewSecret(), one); err == nil {
		t.Error("opened with another key")
	}
	for i := range one {
		broken := bytes.Clone(one)
		broken[i] ^= 1
		if _, err := notify.Open(key, broken); err == nil {
			t.Errorf("opened with bit 0 of byte %d changed", i)
		}
		if _, err := notify.Open(key, one[:i]); err == nil {
			t.Errorf("opened %d of %d bytes", i, len(one))
		}
	}
	if _, err := notify.Seal(key[:16], secret); err == nil {
		t.Error("sealed with half a key")
	}
}

// Sixteen processes that start at once use one key; the file is the owner's alone.
func TestReadKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	keys := make([][]byte, 16)
	var wait sync.WaitGroup
	for i := range keys {
		wait.Go(func() {
			k, err := notify.ReadKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	wait.Wait()
	for _, k := range keys {
		if len(k) != notify.KeySize || !bytes.Equal(k, keys[0]) {
			t.Fatalf("keys differ: %x and %x", k, keys[0])
		}
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files left, %v", len(files), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := notify.ReadKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key everybody may read: %v", err)
	}
	if err := os.WriteFile(path, []byte("KEYSECRET"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := notify.ReadKey(path); err == nil || strings.Contains(err.Error(), "KEYSECRET") {
		t.Errorf("a damaged key: %v", err)
	}
}

// What the guard would never let out is refused before it is stored too; a name that is not known yet is not.
// Fails when: CheckAddress does not look names up, or takes no notice of the exceptions.
func TestGuard(t *testing.T) {
	exceptions := []notify.Allowed{mustAllow("127.0.0.1:9000,9001"), mustAllow("10.20.0.0/16:8443"), mustAllow("[fd00:12::/32]:443")}
	for address, want := range map[string][2]bool{ // without and with the exceptions
		"93.184.216.34:443":                {true, true},
		"93.184.216.34:80":                 {true, true},
		"93.184.216.34:8080":               {false, false},
		"93.184.216.34:22":                 {false, false},
		"[2606:2800:220:1:248:1893::]:443": {true, true},
		"127.0.0.1:80":                     {false, false},
		"127.0.0.1:9000":                   {false, true},
		"127.0.0.1:9001":                   {false, true},
		"127.0.0.1:9002":                   {false, false},
		"127.0.0.2:9000":                   {false, false},
		"[::ffff:127.0.0.1]:9000":          {false, true}, // the same address in other clothes
		"[::ffff:127.0.0.1]:80":            {false, false},
		"[::1]:80":                         {false, false},
		"10.20.3.4:8443":                   {false, true},
		"10.21.3.4:8443":                   {false, false},
		"192.168.1.1:443":                  {false, false},
		"172.16.0.1:443":                   {false, false},
		"169.254.169.254:80":               {false, false}, // metadata
		"100.64.0.1:443":                   {false, false}, // carrier-grade NAT
		"0.0.0.0:80":                       {false, false},
		"224.0.0.1:80":                     {false, false},
		"198.18.0.1:80":                    {false, false},
		"255.255.255.255:80":               {false, false},
		"[fd00:12::7]:443":                 {false, true},
		"[fd00:13::7]:443":                 {false, false},
		"[fe80::1]:80":                     {false, false},
		"[64:ff9b::7f00:1]:80":             {false, false}, // NAT64 of 127.0.0.1
		"[2002:7f00:1::]:80":               {false, false}, // 6to4 of 127.0.0.1
		"[::]:80":                          {false, false},
		"not an address":                   {false, false},
	} {
		network := "tcp4"
		if strings.HasPrefix(address, "[") {
			network = "tcp6"
		}
		for i, allow := range [][]notify.Allowed{nil, exceptions} {
			if err := notify.Control(allow, network, address); (err == nil) != want[i] {
				t.Errorf("%s with %d exceptions: %v, want allowed %v", address, len(allow), err, want[i])
			}
			err := notify.CheckAddress(t.Context(), allow, nil, "https://"+address+"/hook")
			var f *surgecast.FieldError
			if (err == nil) != want[i] || err != nil && (!errors.As(err, &f) || f.Field != "url" || f.Remedy == "") {
				t.Errorf("%s with %d exceptions, before it is stored: %v, want allowed %v", address, len(allow), err, want[i])
			}
		}
	}
	if err := notify.Control(exceptions, "udp4", "127.0.0.1:9000"); err == nil {
		t.Error("UDP is allowed")
	}
	for address, want := range map[string]bool{"http://localhost/": false, "https://93.184.216.34/": true, "http://93.184.216.34/": true, "http://no-such-name.invalid/": true} {
		if err := notify.CheckAddress(t.Context(), nil, net.DefaultResolver, address); (err == nil) != want {
			t.Errorf("%s before it is stored: %v, want allowed %v", address, err, want)
		}
	}
}

func TestParseAllowed(t *testing.T) {
	for _, bad := range []string{"", "localhost", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1/40", "[::1:80", "[::1]80", "fe80::1%eth0", "10.0.0.0/8:a"} {
		var f *surgecast.FieldError
		if a, err := notify.ParseAllowed(bad); !errors.As(err, &f) || f.Remedy == "" {
			t.Errorf("%q: %+v, %v", bad, a, err)
		}
	}
	for text, want := range map[string]string{"10.1.2.3/8:443": "10.0.0.0/8", "::1": "::1/128", "[::1]:80": "::1/128", "fd00::/8": "fd00::/8"} {
		if a, err := notify.ParseAllowed(text); err != nil || a.Prefix.String() != want {
			t.Errorf("%q: %+v, %v", text, a, err)
		}
	}
}

func TestJudge(t *testing.T) {
	want := map[string][]int{
		"accepted": {200, 201, 202, 204, 299},
		"gone":     {410},
		"final":    {300, 301, 302, 307, 308, 400, 405, 413, 415, 422, 501},
		"again":    {199, 401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504, 599, 600},
	}
	for verdict, codes := range want {
		for _, code := range codes {
			if got := notify.Judge(code); got != verdict {
				t.Errorf("%d is %s, want %s", code, got, verdict)
			}
		}
	}
}

func TestDelay(t *testing.T) {
	s := notify.DefaultSchedule
	var sum time.Duration
	for _, d := range s {
		sum += d
	}
	// 5 s + 5 min + 30 min + 2 + 5 + 10 + 14 + 20 + 24 h = 75 h 35 min 5 s
	if want := 75*time.Hour + 35*time.Minute + 5*time.Second; sum != want || len(s) != 10 {
		t.Errorf("the schedule has %d attempts in %s, want 10 in %s", len(s), sum, want)
	}
	for _, c := range []struct {
		name   string
		made   int
		repeat bool
		jitter float64
		asked  time.Duration
		want   time.Duration
		more   bool
	}{
		{"first retry", 1, false, 0, 0, 5 * time.Second, true},
		{"half the jitter: 5 min + 5 %", 2, false, .5, 0, 5*time.Minute + 15*time.Second, true},
		{"the receiver asks for more", 1, false, 0, time.Hour, time.Hour, true},
		{"the receiver asks for less", 3, false, 0, time.Second, 30 * time.Minute, true},
		{"the receiver asks for a week", 1, false, 0, 7 * 24 * time.Hour, 24 * time.Hour, true},
		{"used up", 10, false, 0, 0, 0, false},
		{"by hand, after that", 11, false, 0, 0, 0, false},
		{"the last repeats", 40, true, 0, 0, 24 * time.Hour, true},
	} {
		if got, more := notify.Delay(s, c.made, c.repeat, c.jitter, c.asked); got != c.want || more != c.more {
			t.Errorf("%s: %s, %v, want %s, %v", c.name, got, more, c.want, c.more)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 21, 40, 0, 0, time.UTC)
	for h, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "-5": 0, "soon": 0, "1.5": 0, "99999999999999999999": 0,
		"Sat, 21 Nov 2026 21:41:30 GMT": 90 * time.Second, "Sat, 21 Nov 2026 21:39:00 GMT": 0,
	} {
		if got := notify.RetryAfter(h, now); got != want {
			t.Errorf("%q: %s, want %s", h, got, want)
		}
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add([]byte("ok"))
	f.Add([]byte("\x00\xff\x1b[31mred\n"))
	f.Add([]byte(strings.Repeat("ü", 400)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := notify.Excerpt(b)
		if len(s) > 512 || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\x1b\n\r") {
			t.Errorf("%q", s)
		}
	})
}
