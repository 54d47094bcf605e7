package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// excerptBytes is how much of an answer is kept in the delivery log.
const excerptBytes = 512

// readBytes is how much of an answer is read: more than is kept, so that a secret in it is found whole
// before it is cut.
const readBytes = 4 << 10

// bodyWait is how long a receiver that has sent its status may take over the rest. The status decides;
// an endless body must not hold a worker.
const bodyWait = time.Second

// answer is what came of one post.
type answer struct {
	status     int // 0: none
	excerpt    string
	err        error // why there is no status; never holds the URL
	retryAfter time.Duration
}

func newClient(g *guard, names *net.Resolver, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second, Control: g.control, Resolver: names}
	return &http.Client{
		Transport: &http.Transport{
			// With a proxy the guard would check the proxy's address and not the receiver's.
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    timeout,
			ResponseHeaderTimeout:  timeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    2,
			MaxIdleConns:           100,
			IdleConnTimeout:        30 * time.Second,
			DisableCompression:     true, // nobody unpacks what is only quoted
		},
		// Following a redirect would post the message somewhere its owner did not name.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends one message once and reads at most readBytes of the answer.
func (n *Notifier) post(ctx context.Context, r request) answer {
	u, err := url.Parse(r.url)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return answer{err: errBadURL} // err would repeat the URL, and a path may be a secret
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return answer{err: errBadURL}
	}
	req.Header = r.header
	resp, err := n.http.Do(req)
	if err != nil {
		err = plain(err)
		if said := redact(err.Error(), r.hide); said != err.Error() {
			err = errors.New(said)
		}
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	slow := time.AfterFunc(bodyWait, func() { _ = resp.Body.Close() })
	defer slow.Stop()
	first, _ := io.ReadAll(io.LimitReader(resp.Body, readBytes)) // a cut body changes nothing: the status is known
	return answer{
		status:     resp.StatusCode,
		excerpt:    excerpt([]byte(redact(string(first), r.hide))),
		retryAfter: retryAfter(resp.Header.Get("Retry-After"), n.wall()),
	}
}

var (
	errBadURL  = errors.New("the endpoint's URL is not usable: want http:// or https:// and a host")
	errTimeout = errors.New("no answer in time")
)

// plain takes the URL out of a client's error and names the two common causes.
func plain(err error) error {
	if refused(err) {
		return errRefused
	}
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return errTimeout
		}
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errTimeout
	}
	return err
}

// retryAfter reads the header's two forms, seconds or an HTTP date; 0 when there is none to honour.
func retryAfter(h string, now time.Time) time.Duration {
	h = strings.TrimSpace(h)
	if h == "" {
		return 0
	}
	if s, err := strconv.ParseUint(h, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(h); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// excerpt makes the first bytes of an answer fit for a log and a page: valid text, no control characters.
func excerpt(b []byte) string {
	if len(b) > excerptBytes {
		b = b[:excerptBytes]
	}
	s := strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return -1
		case unicode.IsControl(r):
			return ' '
		}
		return r
	}, string(b))
	return strings.TrimSpace(s)
}
