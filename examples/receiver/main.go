// Command receiver takes webhooks of Surgecast and prints them: an example to copy.
//
// It does what every receiver should. It checks the signature over the raw body before it reads a word of it,
// with the library of standardwebhooks.com; it answers quickly; it takes a message it has seen before (the same
// webhook-id) for done; and it drops a recommendation whose sequence is lower than one it has, because retries
// overtake each other.
//
//	go run ./examples/receiver --listen 127.0.0.1:9999 --secret whsec_…
//	forecaster replay … --webhook http://127.0.0.1:9999/hook --webhook-secret whsec_…
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9999", "address to listen on")
	secret := flag.String("secret", "", "signing secret of the webhook (whsec_…)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *listen, *secret, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, secret string, out io.Writer) error {
	if secret == "" {
		return errors.New("which secret? It was shown when the webhook was made: --secret whsec_…")
	}
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("read the secret: %w", err)
	}
	s := &http.Server{
		Addr:              listen,
		Handler:           newReceiver(verifier, out),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	closed := make(chan error, 1)
	go func() {
		<-ctx.Done()
		// What is being answered is answered; the sender would send it again otherwise.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		closed <- s.Shutdown(grace)
	}()
	if _, err := fmt.Fprintf(out, "listening on http://%s/\n", listen); err != nil {
		return err
	}
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("listen on %s: %w", listen, err)
	}
	return <-closed
}
