package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"surgecast/ingest"
	"surgecast/ingest/jetstream"
)

// feedFlags say which feeds the role ingest reads.
type feedFlags struct {
	Bluesky           bool     `env:"SURGECAST_BLUESKY" default:"true" negatable:"" help:"Count Bluesky's posts. Needs no account."`
	BlueskyHosts      []string `env:"SURGECAST_BLUESKY_HOSTS" placeholder:"HOST" help:"Jetstream hosts, in order of preference (wss://NAME). Default: Bluesky's own four."`
	BlueskyV2         bool     `name:"bluesky-v2" env:"SURGECAST_BLUESKY_V2" help:"Speak the second form of the protocol (subscribeEvents)."`
	BlueskyCompress   bool     `env:"SURGECAST_BLUESKY_COMPRESS" help:"Ask for compressed events: half the bytes. The first form needs --bluesky-dictionary."`
	BlueskyDictionary string   `env:"SURGECAST_BLUESKY_DICTIONARY" placeholder:"FILE" help:"zstd dictionary of the first form."`
}

// streams builds the feeds that are asked for.
func (f *feedFlags) streams(a *app, keys *ingest.Keys) ([]ingest.Stream, error) {
	var out []ingest.Stream
	if f.Bluesky {
		o := jetstream.Options{
			Hosts: f.BlueskyHosts, V2: f.BlueskyV2, Compress: f.BlueskyCompress, Hash: keys.HashAt, Clock: a.clock, Logger: a.g.log,
			UserAgent: "surgecast/" + version,
		}
		if f.BlueskyDictionary != "" {
			var err error
			if o.Dictionary, err = os.ReadFile(f.BlueskyDictionary); err != nil {
				return nil, usage("--bluesky-dictionary: %w", err)
			}
			o.Compress = true
		}
		s, err := jetstream.New(o)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// ingest counts what the feeds say until ctx ends. A feed that cannot be reached is tried again and again and
// keeps nothing else waiting.
func (a *app) ingest(ctx context.Context, f *feedFlags) error {
	keys, err := ingest.OpenKeys(filepath.Join(a.g.StateDir, "ingest.key"), a.clock)
	if err != nil {
		return err
	}
	streams, err := f.streams(a, keys)
	if err != nil {
		return err
	}
	holder := "private" // the lock on the state directory lets only one process be here
	if a.db.local == nil {
		host, _ := os.Hostname()
		holder = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	s := ingest.New(ingest.Config{Store: a.db.Store, Clock: a.clock, Logger: a.g.log, Registry: a.reg, Holder: holder, Streams: streams})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error {
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			if err := keys.Renew(); err != nil { // yesterday's goes on
				a.g.log.Warn("the key of the hashes was not renewed", "err", err)
			}
		}
	})
	return g.Wait()
}
