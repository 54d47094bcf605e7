package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
)

// kedaFlags say where KEDA's external scaler is answered, and how a caller proves himself.
type kedaFlags struct {
	Listen   string `env:"SURGECAST_KEDA_LISTEN" placeholder:"ADDRESS" help:"Answer KEDA's external and external-push scalers over gRPC here, for example :8081. Off by default."`
	Cert     string `env:"SURGECAST_KEDA_CERT" type:"path" placeholder:"FILE" help:"Certificate (PEM) of the gRPC listener."`
	Key      string `env:"SURGECAST_KEDA_KEY" type:"path" placeholder:"FILE" help:"Its private key (PEM)."`
	ClientCA string `name:"client-ca" env:"SURGECAST_KEDA_CLIENT_CA" type:"path" placeholder:"FILE" help:"Whoever holds a certificate signed by one of these (PEM) is let in, and nobody else; a key in trigger metadata is then not needed."`
}

// kedaListener is the open address, and the proof that is asked for.
type kedaListener struct {
	net.Listener
	tls *tls.Config // nil: plain text
}

func (l *kedaListener) close() {
	if l != nil {
		_ = l.Close()
	}
}

// open reads the certificates and opens the address, before anything slow happens. nil: it is off.
func (f *kedaFlags) open() (*kedaListener, error) {
	switch {
	case f.Listen == "" && f.Cert+f.Key+f.ClientCA == "":
		return nil, nil //nolint:nilnil // off is no error
	case f.Listen == "":
		return nil, usage("--keda-cert, --keda-key and --keda-client-ca need --keda-listen, for example --keda-listen :8081")
	case (f.Cert == "") != (f.Key == ""):
		return nil, usage("--keda-cert and --keda-key belong together")
	case f.ClientCA != "" && f.Cert == "":
		return nil, usage("--keda-client-ca needs --keda-cert and --keda-key")
	}
	out := &kedaListener{}
	if f.Cert != "" {
		// Fail at once on a bad pair, then read it anew for each connection: certificates are renewed while we run.
		if _, err := tls.LoadX509KeyPair(f.Cert, f.Key); err != nil {
			return nil, usage("--keda-cert, --keda-key: %w", err)
		}
		out.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(f.Cert, f.Key)
			if err != nil {
				return nil, fmt.Errorf("reading the certificate of the KEDA listener: %w", err)
			}
			return &c, nil
		}}
	}
	if f.ClientCA != "" {
		text, err := os.ReadFile(f.ClientCA)
		if err != nil {
			return nil, usage("--keda-client-ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, usage("--keda-client-ca %s: no certificate in PEM form in it", f.ClientCA)
		}
		out.tls.ClientCAs, out.tls.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	var err error
	out.Listener, err = listen(f.Listen, "keda-listen")
	return out, err
}
