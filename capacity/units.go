package capacity

// beyondTolerance widens a rise an autoscaler would not notice: the Kubernetes HPA skips a change
// within 10 % of the present units, so "13 instead of 12" would do nothing.
//
//	0 < units − now ≤ 10 % of now   ⇒   max(units, ⌊1.1·now⌋ + 1)
func beyondTolerance(units, now int) int {
	rise := units - now
	if rise <= 0 || rise*10 > now {
		return units
	}
	return max(units, now*11/10+1)
}
