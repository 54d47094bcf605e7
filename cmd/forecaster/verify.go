package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"surgecast/verify"
)

type verifyCmd struct {
	URL    string `arg:"" help:"What KEDA would be given: http(s)://… for metrics-api, grpc://host:port or grpcs://host:port for external-push."`
	Format string `enum:"text,json" default:"text" help:"text or json."`

	Key           string        `env:"SURGECAST_KEY" help:"Sent as X-API-KEY, or as trigger metadata apiKey."`
	ValueLocation string        `default:"units" help:"Where the value stands: a path in JSON, a selector in Prometheus text."`
	Read          string        `enum:"json,prometheus" default:"json" help:"The trigger's format: json or prometheus."`
	Target        float64       `default:"1" help:"The trigger's targetValue: what one replica serves."`
	Current       int           `help:"Units serving now, to play the HPA against."`
	Watch         time.Duration `default:"0s" help:"Go on polling for so long: shows stale answers, errors and what an HPA makes of them."`
	Every         time.Duration `default:"15s" help:"Between polls; the HPA asks every 15 s."`

	Metadata   map[string]string `help:"Trigger metadata for gRPC, for example site=shop." placeholder:"KEY=VALUE"`
	CA         string            `type:"path" placeholder:"FILE" help:"Authority (PEM) of the endpoint's certificate, instead of the system's."`
	Cert       string            `type:"path" placeholder:"FILE" help:"Client certificate (PEM) for mutual TLS."`
	ClientKey  string            `type:"path" placeholder:"FILE" help:"Its private key (PEM)."`
	ListenTime time.Duration     `name:"listen" default:"3s" help:"How long a gRPC stream is listened to."`
}

// Help is the exit codes.
func (verifyCmd) Help() string {
	return "Exit 0: no rule is broken. 10: one is. The address is yours to choose: nothing guards it."
}

// kedaPatience is KEDA's KEDA_HTTP_DEFAULT_TIMEOUT.
const kedaPatience = 3 * time.Second

func (c *verifyCmd) Run(ctx context.Context, g *Global) error {
	u, err := url.Parse(c.URL)
	if err != nil {
		return usage("%s is no address: %w", c.URL, err)
	}
	conf, err := c.tls()
	if err != nil {
		return err
	}
	if c.Every <= 0 || c.Watch < 0 || c.ListenTime <= 0 {
		return usage("--every and --listen must be above 0, --watch 0 or more")
	}
	var r *verify.Report
	switch u.Scheme {
	case "grpc", "grpcs":
		creds := insecure.NewCredentials()
		if u.Scheme == "grpcs" {
			creds = credentials.NewTLS(conf)
		}
		meta := map[string]string{"scalerAddress": u.Host}
		for k, v := range c.Metadata {
			meta[k] = v
		}
		if c.Key != "" && meta["apiKey"] == "" {
			meta["apiKey"] = c.Key
		}
		r, err = verify.GRPC{Address: u.Host, Credentials: creds, Metadata: meta, Current: c.Current, Limit: kedaPatience, Listen: c.ListenTime, Clock: time.Now}.Verify(ctx)
	default:
		r, err = verify.HTTP{
			URL: c.URL, Key: c.Key, ValueLocation: c.ValueLocation, Format: c.Read, Target: c.Target, Current: c.Current,
			Limit: kedaPatience, Watch: c.Watch, Every: c.Every, Clock: time.Now, Sleep: pause,
			Client: &http.Client{Transport: &http.Transport{TLSClientConfig: conf, Proxy: http.ProxyFromEnvironment}},
		}.Verify(ctx)
	}
	if err != nil {
		return err
	}
	if c.Format == "json" {
		e := json.NewEncoder(g.out)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = r.Write(g.out)
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if len(r.Broken()) > 0 {
		return errExit{10}
	}
	return nil
}

func (c *verifyCmd) tls() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, usage("--ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(text) {
			return nil, usage("--ca %s: no certificate in PEM form in it", c.CA)
		}
	}
	if (c.Cert == "") != (c.ClientKey == "") {
		return nil, usage("--cert and --client-key belong together")
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.ClientKey)
		if err != nil {
			return nil, usage("--cert, --client-key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// pause waits, or ends with ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
