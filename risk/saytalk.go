package risk

import (
	"math"
	"strings"
	"unicode/utf8"

	"surgecast"
)

// SayTalk writes a topic's episode in words (UX 2.9, page Topic): headline and sentence for its state, with talk at so
// many times the usual for the hour, and how it moves where that is known. It speaks of mentions only; how many visits
// they bring is Say's business.
func SayTalk(topic surgecast.Topic, state surgecast.State, timesUsual float64, m surgecast.TalkMotion) (headline, sentence string) {
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
	if m != (surgecast.TalkMotion{}) && (state == surgecast.StateWatch || state == surgecast.StateAlert || state == surgecast.StateRecovery) {
		sentence = join(sentence, SayMotion(timesUsual, m))
	}
	if topic.Simulated {
		sentence += " Simulated mentions."
	}
	return said + ": " + shortened(topicName(topic), maxHeadline-utf8.RuneCountInString(said)-3) + ".", sentence
}

// SayMotion is how talk grows or fades: "Mentions double every 9 minutes.", "Talk fades slowly: people pass it on." Where
// talk is above its usual and neither can be told, it says so; of talk as usual there is nothing to say.
func SayMotion(timesUsual float64, m surgecast.TalkMotion) string {
	up := timesUsual >= talkDownTimes
	switch {
	case m.DoublingMinutes > 0 && m.DoublingMinutes <= 1440 && up:
		if m.DoublingMinutes < 1.5 {
			return "Mentions double every minute."
		}
		if m.DoublingMinutes < 90 {
			return "Mentions double every " + plural(int(math.Round(m.DoublingMinutes)), "minute") + "."
		}
		return "Mentions double every " + plural(int(math.Round(m.DoublingMinutes/60)), "hour") + "."
	case m.Decay != "" && up:
		return capital(fadingWords[m.Decay])
	case m.Decay != "":
		return fadedWords[m.Decay]
	case up:
		return "Cannot tell yet how fast it grows or fades."
	}
	return ""
}

// fadingWords say what the fall of talk means while it lasts, by its class; fadedWords when it is over.
var (
	fadingWords = map[string]string{
		DecayNews:        "talk fades quickly, as after a news flash.",
		DecayViral:       "talk fades slowly: people pass it on.",
		DecayWordOfMouth: "talk hardly fades: it goes by word of mouth.",
	}
	fadedWords = map[string]string{
		DecayNews:        "The last burst faded quickly, as after a news flash.",
		DecayViral:       "The last burst faded slowly: people passed it on.",
		DecayWordOfMouth: "The last burst hardly faded: it went by word of mouth.",
	}
)

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
	case math.IsNaN(x) || math.IsInf(x, 0) || x < usualTimes:
		return "as usual"
	case x < 1.75:
		return "half as much again as usual"
	case x < 2.5:
		return "twice the usual"
	default:
		return about(x) + " times the usual"
	}
}
