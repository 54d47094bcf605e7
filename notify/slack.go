package notify

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"surgecast"
)

// Slack's bounds: characters of a header and a section, and about one message a second for each webhook.
const (
	slackHeader  = 150
	slackSection = 3000
	slackPace    = time.Second
)

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

// slack makes a message of an incoming webhook: `text` for notifications and old clients, blocks for the
// rest. Names from outside cannot mention anybody or hide a link: Slack's three special characters are
// escaped.
func slack(n *Notifier, e event, _ string) ([]byte, error) {
	f := e.facts
	title := e.title()
	blocks := []slackBlock{{Type: "header", Text: &slackText{"plain_text", cut(title, slackHeader)}}}
	if f.Sentence != "" {
		blocks = append(blocks, slackBlock{Type: "section", Text: &slackText{"mrkdwn", cutEscaped(f.Sentence, slackSection)}})
	}
	notes := []string{e.Type}
	if f.State != "" {
		notes = append(notes, "state "+string(f.State))
	}
	if f.ActBy != nil && e.Type != surgecast.TypeSurgeClosed {
		notes = append(notes, "act by "+f.ActBy.UTC().Format("15:04")+" UTC")
	}
	if f.ShownPercent != "" {
		notes = append(notes, "chance "+f.ShownPercent)
	}
	if f.Simulated {
		notes = append(notes, "*simulated*: not real traffic")
	}
	line := slackEscape.Replace(strings.Join(notes, " · "))
	if to := n.link(e.path()); to != "" {
		line += " · <" + slackEscape.Replace(to) + "|open>"
	}
	blocks = append(blocks, slackBlock{Type: "context", Elements: []slackText{{"mrkdwn", line}}})
	return json.Marshal(struct {
		Text   string       `json:"text"`
		Blocks []slackBlock `json:"blocks"`
	}{cutEscaped(title, slackSection), blocks})
}

var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// cutEscaped escapes a text and keeps it within a bound, without cutting an escape in half.
func cutEscaped(s string, most int) string {
	for limit := most; ; limit -= max(1, limit/8) {
		if out := slackEscape.Replace(cut(s, limit)); len([]rune(out)) <= most {
			return out
		}
	}
}

// judgeSlack: 404 and 410 say that the webhook or its channel is gone; other client errors are for good.
func judgeSlack(a answer) verdict {
	if a.status == http.StatusNotFound {
		return gone
	}
	return judgeOthers(a)
}
