package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// Readiness says whether traffic should be sent here, and why not.
type Readiness struct {
	Status  string       `json:"status"` // "ready" or "not ready"
	Version string       `json:"version"`
	Checks  []ReadyCheck `json:"checks"`
}

// ReadyCheck is one thing that was looked at.
type ReadyCheck struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

func (s *Server) healthRoutes() {
	s.engine.Match(looking, "/livez", func(c *gin.Context) {
		// Never touches the database: a database that is away is no reason to kill us.
		c.Header("Cache-Control", "no-store")
		c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte("alive\n"))
	})
	s.engine.Match(looking, "/readyz", func(c *gin.Context) {
		r := s.ready(c.Request.Context())
		status := http.StatusOK
		if r.Status != "ready" {
			status = http.StatusServiceUnavailable
		}
		c.Header("Cache-Control", "no-store")
		c.JSON(status, r)
	})
}

func (s *Server) ready(ctx context.Context) Readiness {
	r := Readiness{Status: "ready", Version: s.c.Version}
	add := func(name string, ok bool, detail, remedy string) {
		if ok {
			remedy = ""
		} else {
			r.Status = "not ready"
		}
		r.Checks = append(r.Checks, ReadyCheck{name, ok, detail, remedy})
	}
	if s.stopping.Load() {
		add("shutdown", false, "going down", "Send requests elsewhere.")
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := s.c.Store.Ping(ctx)
	add("database", err == nil, choose(err == nil, "answers", "does not answer"), "Check that PostgreSQL runs and the database URL is right.")
	if err == nil {
		have, want, err := s.c.Store.SchemaVersion(ctx)
		switch {
		case err != nil:
			add("schema", false, "version cannot be read", "Run `forecaster migrate up`.")
		default:
			add("schema", have == want, fmt.Sprintf("version %d, this program needs %d", have, want),
				choose(have < want, "Run `forecaster migrate up`.", "Start the newer program that migrated it."))
		}
	}
	add("memory", s.loaded.Load(), choose(s.loaded.Load(), "loaded", "not loaded yet"), "Wait some seconds; then check the database.")
	newest, sites := s.memory.seenUntil(), len(s.memory.all(0))
	switch {
	case sites == 0:
		add("forecast", true, "no site is watched yet", "")
	case newest.IsZero():
		add("forecast", true, "no forecast yet: sites need traffic first", "")
	default:
		age := s.now().Sub(newest)
		add("forecast", age <= holdFor, fmt.Sprintf("the last is %s old", max(0, age.Truncate(time.Second))), "Check that an engine runs and traffic arrives.")
	}
	return r
}

func choose[T any](yes bool, a, b T) T {
	if yes {
		return a
	}
	return b
}
