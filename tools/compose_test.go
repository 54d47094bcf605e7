package tools

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// load reads docker-compose.yml as docker compose would, in an empty environment: an unknown key, a dependency on
// a service that does not exist, or a variable that must be set are errors. No engine is asked.
func load(t *testing.T) *types.Project {
	t.Helper()
	name := filepath.Join("..", "docker-compose.yml")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  "..",
		ConfigFiles: []types.ConfigFile{{Filename: name, Content: text}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) { o.SetProjectName("surgecast", true) })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// once are services that do their work and end.
var once = []string{"secrets", "migrate", "key"}

func TestComposeStartsInOrder(t *testing.T) {
	p := load(t)
	for name, s := range p.Services {
		for on, d := range s.DependsOn {
			want := types.ServiceConditionHealthy
			if slices.Contains(once, on) {
				want = types.ServiceConditionCompletedSuccessfully
			}
			if d.Condition != want {
				t.Errorf("%s waits for %s with %q, want %q", name, on, d.Condition, want)
			}
		}
		lasting := !slices.Contains(once, name)
		if lasting && s.HealthCheck == nil {
			t.Errorf("%s has no health check", name)
		}
		if lasting && s.Restart != types.RestartPolicyUnlessStopped {
			t.Errorf("%s restarts %q, want unless-stopped", name, s.Restart)
		}
		if !lasting && s.Restart != "" && s.Restart != types.RestartPolicyNo {
			t.Errorf("%s runs once, yet restarts %q", name, s.Restart)
		}
	}
}

// Fails when: "127.0.0.1:" is removed from a port.
func TestComposePublishesOnLoopbackOnly(t *testing.T) {
	var published int
	for name, s := range load(t).Services {
		for _, port := range s.Ports {
			published++
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q: everybody on the network could reach it", name, port.Published, port.HostIP)
			}
		}
		if s.NetworkMode == "host" || s.Privileged {
			t.Errorf("%s: host network or privileged", name)
		}
	}
	if published != 1 {
		t.Errorf("%d ports published, want the forecaster's alone", published)
	}
}

// Fails when: POSTGRES_PASSWORD: surgecast is written anywhere.
func TestComposeHasNoDefaultPassword(t *testing.T) {
	inURL := regexp.MustCompile(`://[^/@]*:[^/@]*@`)
	for name, s := range load(t).Services {
		for key, value := range s.Environment {
			secret := strings.Contains(key, "PASSWORD") || strings.Contains(key, "SECRET") || strings.Contains(key, "TOKEN")
			if secret && !strings.HasSuffix(key, "_FILE") {
				t.Errorf("%s sets %s in the open: name a file instead", name, key)
			}
			if value != nil && inURL.MatchString(*value) {
				t.Errorf("%s: %s holds a password", name, key)
			}
			if key == "POSTGRES_HOST_AUTH_METHOD" {
				t.Errorf("%s turns passwords off", name)
			}
		}
	}
}

func TestComposeKeepsDataAndPinsImages(t *testing.T) {
	p := load(t)
	kept := func(service, target string) bool {
		return slices.ContainsFunc(p.Services[service].Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Type == types.VolumeTypeVolume && v.Target == target && v.Source != ""
		})
	}
	if !kept("db", "/var/lib/postgresql/data") || !kept("forecaster", "/var/lib/surgecast") {
		t.Error("the database's data and the forecaster's state must lie in named volumes")
	}
	for name, s := range p.Services {
		if tag := s.Image[strings.LastIndex(s.Image, ":")+1:]; s.Image == tag || tag == "latest" {
			t.Errorf("%s: image %s has no version", name, s.Image)
		}
	}
}

// What a Dockerfile names must be there, and the last stage must not run as root.
// Fails when: USER is removed, or a COPY names a file that has moved.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var user string
	stages := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		switch f[0] {
		case "FROM":
			user = ""
			if !strings.Contains(f[1], ":") || strings.HasSuffix(f[1], ":latest") {
				t.Errorf("%s has no version", f[1])
			}
			if len(f) == 4 {
				stages[f[3]] = true
			}
		case "USER":
			user = f[1]
		case "COPY":
			var from string
			args := f[1:]
			for strings.HasPrefix(args[0], "--") {
				if rest, ok := strings.CutPrefix(args[0], "--from="); ok {
					from = rest
				}
				args = args[1:]
			}
			if from != "" {
				if !stages[from] {
					t.Errorf("COPY from stage %q, which is not above", from)
				}
				continue
			}
			for _, source := range args[:len(args)-1] {
				if _, err := os.Stat(filepath.Join("..", source)); err != nil {
					t.Errorf("COPY: %v", err)
				}
			}
		case "RUN", "WORKDIR", "ARG", "ENV", "EXPOSE", "ENTRYPOINT", "CMD":
		default:
			t.Errorf("unknown instruction %s", f[0])
		}
	}
	if user == "" || strings.HasPrefix(user, "0") || strings.HasPrefix(user, "root") {
		t.Errorf("the image runs as %q, want an ordinary user", user)
	}
}
