package api

import (
	"strings"
	"testing"
	"time"

	"surgecast"
)

func withPlans(c *Config) {
	c.Windows = func(plan []surgecast.Step, least int, lead time.Duration, now time.Time) []surgecast.Window {
		return []surgecast.Window{{From: now, To: now.Add(2 * time.Hour), Units: plan[0].Units}}
	}
	c.Ladder = func(_ surgecast.Site, f *surgecast.SiteForecast, rungs []surgecast.Rung, now time.Time) []surgecast.RungState {
		out := make([]surgecast.RungState, len(rungs))
		for i := range rungs {
			out[i] = surgecast.RungState{Rung: rungs[i], Status: surgecast.RungNotNeeded, ServesFrom: now}
			if f != nil {
				out[i].Status = surgecast.RungNow
			}
		}
		return out
	}
	c.Admit = func(f *surgecast.SiteForecast, per, visit, recipient float64, window int, _ time.Time) surgecast.Admission {
		return surgecast.Admission{CapacityRPM: f.CapacityRPM, AdmitRPM: .9 * f.CapacityRPM, NewVisitorsPerMinute: int(.9 * f.CapacityRPM / per), ActiveVisitors: int(.9 * f.CapacityRPM / per * visit), RecipientsPerMinute: int(recipient * 1000)}
	}
}

// Every format says the same pair: up before the window, back after it, under names that stay.
func TestSchedule(t *testing.T) {
	ts := newTest(t, keyless, withPlans)
	ts.told(ts.site(surgecast.DefaultAccount, "nordlicht"))
	get := func(query string) answer { return ts.ask("GET", "/v1/sites/nordlicht/schedule"+query, "") }
	a := get("?format=aws&name=my%20asg's").json(t)
	actions := a["autoscaling"].([]any)
	if len(actions) != 2 {
		t.Fatalf("%d actions, want a pair: %v", len(actions), a)
	}
	raise, restore := actions[0].(map[string]any), actions[1].(map[string]any)
	if raise["MinSize"] != 13. || restore["MinSize"] != 4. || raise["MaxSize"] != 40. || raise["AutoScalingGroupName"] != "my asg's" {
		t.Errorf("raise %v, restore %v", raise, restore)
	}
	start, err := time.Parse(time.RFC3339, raise["StartTime"].(string))
	if err != nil || !start.After(begin.Add(time.Minute)) {
		t.Errorf("starts at %v: a past start is refused by the provider", raise["StartTime"])
	}
	if again := get("?format=aws&name=my%20asg's").json(t)["autoscaling"].([]any)[0].(map[string]any); again["ScheduledActionName"] != raise["ScheduledActionName"] {
		t.Error("asked again, another name: the provider would keep both")
	}
	if cli := a["cli"].([]any)[0].(string); !strings.Contains(cli, `'my asg'\''s'`) {
		t.Errorf("not safe to paste: %s", cli)
	}
	if app := a["application_autoscaling"].([]any)[0].(map[string]any); !strings.HasPrefix(app["Schedule"].(string), "at(2026-09-14T") {
		t.Errorf("application auto scaling: %v", app)
	}
	g := get("?format=gcp")
	if !strings.Contains(g.body, `"minRequiredReplicas": 13`) || !strings.Contains(g.body, " 14 9 * 2026") {
		t.Errorf("gcp: %s", g.body)
	}
	k := get("?format=keda-cron")
	if k.header.Get("Content-Type") != "application/yaml" || !strings.Contains(k.body, `desiredReplicas: "13"`) {
		t.Errorf("keda: %q %s", k.header.Get("Content-Type"), k.body)
	}
	if k := get("?format=keda-cron&name=x%0Atriggers:%0A%20%20-%20type:%20evil"); strings.Contains(k.body, "evil") && !strings.HasPrefix(k.body, "# Triggers for the ScaledObject of x?triggers:") {
		t.Errorf("a name that is more than a name: %s", k.body)
	}
	i := get("?format=ics")
	if !strings.HasPrefix(i.body, "BEGIN:VCALENDAR\r\n") || !strings.Contains(i.body, "SUMMARY:Nordlicht Tickets: hold 13 units\r\n") {
		t.Errorf("ics: %q", i.body)
	}
	for _, l := range strings.Split(i.body, "\r\n") {
		if len(l) > 76 {
			t.Errorf("a line of %d octets: %q", len(l), l)
		}
	}
	ts.pass(16 * time.Minute)
	if a := get(""); a.status != 503 || a.json(t)["code"] != codeExpired {
		t.Errorf("from a forecast that no longer counts: %d %s", a.status, a.body)
	}
}

func TestLadderRoutes(t *testing.T) {
	ts := newTest(t, keyless, withPlans)
	ts.told(ts.site(surgecast.DefaultAccount, "nordlicht"))
	ready := ts.ask("GET", "/v1/sites/nordlicht/ladder", "").json(t)
	if ready["is_ready_made"] != true || len(ready["rungs"].([]any)) < 5 {
		t.Errorf("without a ladder: %v", ready)
	}
	body := `{"rungs":[{"kind":"cache_rules","name":"Cache","lead_time_seconds":60,"sheds_share":0.2},{"kind":"units","name":"Units","lead_time_seconds":540}]}`
	a := ts.ask("PUT", "/v1/sites/nordlicht/ladder", body)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	got := ts.ask("GET", "/v1/sites/nordlicht/ladder", "").json(t)
	rungs := got["rungs"].([]any)
	if got["is_ready_made"] != false || len(rungs) != 2 || rungs[0].(map[string]any)["status"] != "now" {
		t.Errorf("ladder %v", got)
	}
	for bad, field := range map[string]string{
		`{"rungs":[{"kind":"x","name":" ","lead_time_seconds":1}]}`:                 "name",
		`{"rungs":[{"kind":"X Y","name":"n","lead_time_seconds":1}]}`:               "kind",
		`{"rungs":[{"kind":"x","name":"n","lead_time_seconds":1,"sheds_share":1}]}`: "sheds_share",
	} {
		if a := ts.ask("PUT", "/v1/sites/nordlicht/ladder", bad); a.status != 422 || a.json(t)["field"] != field {
			t.Errorf("%s: %d %s", bad, a.status, a.body)
		}
	}
	ts.pass(16 * time.Minute)
	old := ts.ask("GET", "/v1/sites/nordlicht/ladder", "").json(t)
	if old["stale"] != true || old["rungs"].([]any)[0].(map[string]any)["status"] != "not_needed" {
		t.Errorf("a forecast that no longer counts sets deadlines: %v", old)
	}
}

func TestAdmission(t *testing.T) {
	ts := newTest(t, keyless, withPlans)
	ts.told(ts.site(surgecast.DefaultAccount, "nordlicht"))
	a := ts.ask("GET", "/v1/sites/nordlicht/admission?requests_per_visitor=8&visit_minutes=6", "").json(t)
	// .9 · 1,200 / 8 = 135
	if a["new_visitors_per_minute"] != 135. || a["cloudflare_waiting_room_event"].(map[string]any)["new_users_per_minute"] != 135. {
		t.Errorf("admission %v", a)
	}
	if a := ts.ask("GET", "/v1/sites/nordlicht/admission?requests_per_visitor=0", ""); a.status != 422 {
		t.Errorf("visits of no request: %d %s", a.status, a.body)
	}
	ts.pass(16 * time.Minute)
	if a := ts.ask("GET", "/v1/sites/nordlicht/admission", ""); a.status != 503 {
		t.Errorf("from a forecast that no longer counts: %d", a.status)
	}
}
