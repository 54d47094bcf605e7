package notify

import (
	"errors"
	"fmt"
	"net/http"
)

// verdict is what an answer means for the message.
type verdict int

const (
	accepted verdict = iota // any 2xx
	again                   // may go better later
	final                   // the same request will be refused for ever
	gone                    // 410: the endpoint is retired
)

// judge reads an answer as Standard Webhooks does: only 2xx is success, 410 retires the endpoint. What
// says that the request itself is wrong is not repeated: redirects (never followed), 400, 405, 413,
// 415, 422 and 501, an unusable URL and an address the guard refuses. Everything else is tried again;
// 401, 403 and 404 too, because receivers answer so while they are being deployed or change their keys.
func judge(a answer) verdict {
	switch {
	case a.err != nil:
		if errors.Is(a.err, errBadURL) || errors.Is(a.err, errRefused) {
			return final
		}
		return again
	case a.status >= 200 && a.status < 300:
		return accepted
	case a.status == http.StatusGone:
		return gone
	case a.status >= 300 && a.status < 400:
		return final
	}
	switch a.status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusNotImplemented:
		return final
	}
	return again
}

// explain is the delivery log's word on an answer, empty for success.
func explain(a answer) string {
	switch {
	case a.err != nil:
		return excerpt([]byte(a.err.Error())) // it may quote what was answered
	case a.status >= 200 && a.status < 300:
		return ""
	case a.status == http.StatusGone:
		return "answered 410: the endpoint is retired"
	case a.status >= 300 && a.status < 400:
		return fmt.Sprintf("answered %d: redirects are not followed; give the final URL", a.status)
	}
	return fmt.Sprintf("answered %d, want 2xx", a.status)
}
