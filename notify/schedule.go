package notify

import "time"

// DefaultSchedule is the example schedule of Standard Webhooks 1.0.0: the delay before each attempt,
// counted from the attempt before. About three days and ten attempts in all.
var DefaultSchedule = []time.Duration{
	0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute,
	2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// UrgentSchedule is for scaling instructions: they are worth something now or not at all. The last
// delay repeats until the instruction expires.
var UrgentSchedule = []time.Duration{
	0, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
}

// longestRetryAfter bounds what a receiver may ask for: longer than the schedule's own longest delay
// would only be a way to lose a message.
const longestRetryAfter = 24 * time.Hour

// delay is the wait before the next attempt after attempt number made (1-based), false when there is
// none. A delay grows by up to a tenth at random, so that the receivers of one episode, which all
// failed together, are not asked together again. asked is what the receiver wanted (Retry-After).
func delay(schedule []time.Duration, made int, repeatLast bool, jitter float64, asked time.Duration) (time.Duration, bool) {
	i := made
	if i >= len(schedule) {
		if !repeatLast || len(schedule) == 0 {
			return 0, false
		}
		i = len(schedule) - 1
	}
	d := max(schedule[i], min(asked, longestRetryAfter))
	return d + time.Duration(float64(d)*jitter/10), true
}
