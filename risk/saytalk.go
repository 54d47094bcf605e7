package risk

import (
	"fmt"
	"math"

	"surgecast"
)

// SayTalk says where a topic's talk stands (UX 2.9, page Topic): times is the present level as a
// multiple of what is usual for this hour.
func SayTalk(t surgecast.Topic, state surgecast.State, times float64) (headline, sentence string) {
	shown := "×" + timesUsual(times)
	switch state {
	case surgecast.StateWatch:
		headline, sentence = "Growing: "+shown+" usual.", fmt.Sprintf("Talk about %s is %s the usual for this hour.", t.Name, timesWord(times))
	case surgecast.StateAlert:
		headline, sentence = shown+" usual.", fmt.Sprintf("Talk about %s is %s the usual for this hour, and rarer than anything in the last day.", t.Name, timesWord(times))
	case surgecast.StateRecovery:
		headline, sentence = "Fading.", fmt.Sprintf("Talk about %s is falling; it stands at %s the usual.", t.Name, timesWord(times))
	case surgecast.StateCannotTell:
		headline, sentence = "Not counted.", fmt.Sprintf("No counts about %s arrive: missing, not zero.", t.Name)
	default:
		headline, sentence = "As usual.", fmt.Sprintf("Talk about %s is as usual.", t.Name)
	}
	if t.Simulated {
		sentence += " These mentions are simulated."
	}
	return headline, sentence
}

// timesUsual rounds a multiple for people: two digits below ten, whole above.
func timesUsual(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.2g", x)
	}
	return fmt.Sprintf("%.0f", math.Round(x))
}

func timesWord(x float64) string {
	if s := timesUsual(x); s != "2" {
		return s + " times"
	}
	return "twice"
}
