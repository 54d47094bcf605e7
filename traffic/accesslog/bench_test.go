package accesslog

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// A log of history, read, counted into two segments and handed over.
func BenchmarkHistory(b *testing.B) {
	for name, format := range map[string]string{
		"combined": "192.0.2.7 - - [%[1]s] \"GET /cart/%[2]d?a=b HTTP/1.1\" 200 5120 \"https://shop.example/\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0\" 0.0%[3]d\n",
		"json":     "{\"level\":\"info\",\"ts\":%[4]d.5,\"request\":{\"method\":\"GET\",\"uri\":\"/cart/%[2]d?a=b\",\"headers\":{\"User-Agent\":[\"Mozilla/5.0\"]}},\"duration\":0.0%[3]d,\"size\":5120,\"status\":200}\n",
	} {
		b.Run(name, func(b *testing.B) {
			var text strings.Builder
			const lines = 200_000
			for i := range lines {
				at := noon.Add(time.Duration(i) * 20 * time.Millisecond)
				fmt.Fprintf(&text, format, at.Format(clfLayout), i, 10+i%80, at.Unix())
			}
			path := b.TempDir() + "/access.log"
			if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
				b.Fatal(err)
			}
			now := noon.Add(3 * time.Hour)
			if err := os.Chtimes(path, now, now); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				r, err := Open(Config{Files: []string{path}, Segments: []Rule{{Name: "cart", Prefixes: []string{"/cart"}}}})
				if err != nil {
					b.Fatal(err)
				}
				rows := 0
				for more := true; more; {
					batch, err := r.Poll(b.Context(), now)
					if err != nil {
						b.Fatal(err)
					}
					rows += len(batch.Rows)
					if err := batch.Done(); err != nil {
						b.Fatal(err)
					}
					more = batch.More
				}
				if rows == 0 {
					b.Fatal("no minutes")
				}
				r.Close()
			}
			b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
