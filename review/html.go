package review

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
)

//go:embed page.html.tmpl
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

func escape(s string) string { return template.HTMLEscapeString(s) }

// drawnEpisodes bounds the pictures of a page; the table has every episode.
const drawnEpisodes = 12

type pageData struct {
	Title     string
	Simulated bool
	Facts     []string
	Headline  string
	Sentences []string
	Figures   []figure
	Sections  []pageSection
	Foot      []string
}

type figure struct {
	SVG     template.HTML // drawn by chart.go, its texts escaped there
	Caption string
}

type pageSection struct {
	ID, Title string
	Lead      []string
	Tables    []pageTable
	Tail      []string
	Figures   []figure
}

type pageTable struct {
	Caption string
	Head    []pageCell
	Rows    [][]pageCell
	Note    string
}

type pageCell struct {
	Text string
	Left bool
	Ours bool
}

// HTML writes the report as one file that needs nothing else: no script, no font, no request. It follows the
// reader's light or dark setting and prints on white.
func (r Report) HTML(w io.Writer) error {
	d := pageData{Title: r.title(), Simulated: r.Site.Simulated, Headline: r.Headline, Sentences: r.Sentences}
	all := r.sections()
	top := all[0]
	for _, l := range top.lead[1:] {
		if l == "" {
			break
		}
		d.Facts = append(d.Facts, l)
	}
	d.Foot = top.tail
	if svg := r.overview(); svg != "" {
		caption := "Solid: what came. Dashed: capacity as configured."
		if r.chart.bandLead > 0 && len(r.chart.bands) > 0 {
			caption += fmt.Sprintf(" Bands: half and 19 of 20 of the minutes were expected inside, as forecast %s before, when there was still time to act.", span(r.chart.bandLead))
		}
		d.Figures = append(d.Figures, figure{template.HTML(svg), caption}) //nolint:gosec // drawn by us, texts escaped
	}
	for _, s := range all[1:] {
		p := pageSection{ID: s.id, Title: s.title, Lead: s.lead, Tail: s.tail}
		for _, t := range s.tables {
			p.Tables = append(p.Tables, pageOf(t))
		}
		if r.chart.s != nil && r.chart.to > r.chart.from {
			switch s.id {
			case "warnings":
				p.Figures = r.episodeFigures()
			case "capacity":
				p.Figures = []figure{{template.HTML(r.unitsPlot(r.chart.from, r.chart.to)), "Units each rule had serving or on their way."}} //nolint:gosec // as above
			}
		}
		d.Sections = append(d.Sections, p)
	}
	if err := page.Execute(w, d); err != nil {
		return fmt.Errorf("write the report of %s as a page: %w", r.Site.Slug, err)
	}
	return nil
}

// episodeFigures draws each breach from three hours before to one hour after.
func (r *Report) episodeFigures() []figure {
	var out []figure
	for i := range r.Episodes {
		if i == drawnEpisodes {
			break
		}
		e := &r.Episodes[i]
		from, to := max(r.chart.from, e.first-180), min(r.chart.to, e.lastPos+60)
		svg := r.trafficPlot(from, to, 220, e).svg("Breach of " + r.clock(e.From))
		if len(r.Rules) > 0 {
			svg += r.unitsPlot(from, to)
		}
		caption := fmt.Sprintf("%s: %d minutes over, peak %s at %s. ", r.clock(e.From), e.MinutesOver, count(e.PeakRPM), r.in(e.PeakAt).Format("15:04"))
		if e.Warned {
			caption += fmt.Sprintf("Warned %s before.", minutes(e.WarningMinutes()))
		} else {
			caption += "Not warned."
		}
		out = append(out, figure{template.HTML(svg), caption}) //nolint:gosec // drawn by us, texts escaped
	}
	return out
}

func pageOf(t table) pageTable {
	p := pageTable{Caption: t.caption, Note: t.note}
	cells := func(row []string) []pageCell {
		var out []pageCell
		for i, c := range row {
			out = append(out, pageCell{Text: c, Left: i == 0 || slices.Contains(t.left, i), Ours: row[0] == Ours})
		}
		return out
	}
	p.Head = cells(t.head)
	for _, row := range t.rows {
		p.Rows = append(p.Rows, cells(row))
	}
	return p
}
