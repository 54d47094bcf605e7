package risk

import (
	"math"
	"strings"
	"unicode/utf8"

	"surgecast"
)

// SayTalk writes a topic's episode in words (UX 2.9, page Topic): headline and sentence for its state, with talk at so
// many times the usual for the hour. It speaks of mentions only; how many visits they bring is Say's business.
func SayTalk(topic surgecast.Topic, state surgecast.State, timesUsual float64) (headline, sentence string) {
	times := talkTimes(timesUsual)
	var said string
	switch state {
	case surgecast.StateWatch:
		said, sentence = "Growing", "Talk is growing: "+times+" for this hour."
	case surgecast.StateAlert:
		said, sentence = "Surge of talk", "Talk is "+times+" for this hour."
		if timesUsual >= 2.5 && !math.IsInf(timesUsual, 0) {
			said = "×" + about(timesUsual) + " usual"
		}
	case surgecast.StateRecovery:
		said, sentence = "Fading", "Talk is fading: "+times+" for this hour."
	case surgecast.StateCannotTell:
		said, sentence = "Not counted", "Mentions are not being counted. Missing, not zero."
	case surgecast.StateLearning:
		said, sentence = "Learning", "Counting has just begun; “usual” comes from similar topics."
	default:
		said, sentence = "As usual", "Talk is as usual for this hour."
	}
	if topic.Simulated {
		sentence += " Simulated mentions."
	}
	return said + ": " + shortened(topicName(topic), maxHeadline-utf8.RuneCountInString(said)-3) + ".", sentence
}

func topicName(t surgecast.Topic) string {
	if t.Name != "" {
		return t.Name
	}
	return t.Slug
}

// shortened cuts a name to so many characters.
func shortened(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:n-1]), " ") + "…"
}

// talkTimes is "6 times the usual", "twice the usual", "half as much again as usual".
func talkTimes(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0) || x < 1.25:
		return "as usual"
	case x < 1.75:
		return "half as much again as usual"
	case x < 2.5:
		return "twice the usual"
	default:
		return about(x) + " times the usual"
	}
}
