package jetstream

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// maxDictionary is more than ten times the dictionary of the public hosts.
const maxDictionary = 2 << 20

// unzip makes a decompressor for what a host sends, and names the dictionary in its query; nil when it is to
// send plain text.
func (s *Stream) unzip(ctx context.Context, host string) (*zstd.Decoder, string, error) {
	if !s.Compress {
		return nil, "", nil
	}
	dict := s.Dictionary
	if s.V2 {
		var err error
		if dict, err = s.dictionary(ctx, host); err != nil {
			return nil, "", err
		}
	}
	id, err := dictionaryID(dict)
	if err != nil {
		return nil, "", err
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderDicts(dict), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxLine))
	if err != nil {
		return nil, "", fmt.Errorf("zstd dictionary: %w", err)
	}
	return d, strconv.FormatUint(uint64(id), 10), nil
}

// dictionaryID reads the id of a structured dictionary (RFC 8878, section 5).
func dictionaryID(b []byte) (uint32, error) {
	if len(b) < 8 || binary.LittleEndian.Uint32(b) != 0xEC30A437 {
		return 0, fmt.Errorf("zstd dictionary: %d bytes that are none", len(b))
	}
	return binary.LittleEndian.Uint32(b[4:]), nil
}

// dictionary asks a host for the dictionary it compresses with, once.
func (s *Stream) dictionary(ctx context.Context, host string) ([]byte, error) {
	s.mu.Lock()
	d := s.dict[host]
	s.mu.Unlock()
	if d != nil {
		return d, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http"+strings.TrimPrefix(host, "ws")+"/xrpc/network.bsky.jetstream.getZstdDictionary", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("zstd dictionary: %w", err)
	}
	req.Header.Set("User-Agent", s.UserAgent)
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("zstd dictionary: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("zstd dictionary: %s", resp.Status)
	}
	if d, err = io.ReadAll(io.LimitReader(resp.Body, maxDictionary)); err != nil {
		return nil, fmt.Errorf("zstd dictionary: %w", err)
	}
	s.mu.Lock()
	s.dict[host] = d
	s.mu.Unlock()
	return d, nil
}

func (s *Stream) forgetDictionary(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.dict, host)
}
