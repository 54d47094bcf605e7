package web

import (
	"encoding/json"
	"fmt"
	"time"
)

// statusPage is what visitors of a site read. It carries none of the site's numbers: its document has
// none.
type statusPage struct {
	head
	Name, Word, Sentence, Words, Reference string
	Since                                  *moment
}

func statusOf(doc []byte) (*statusPage, error) {
	var in struct {
		Name      string     `json:"name"`
		Word      string     `json:"word"`
		Sentence  string     `json:"sentence"`
		Words     string     `json:"words"`
		Since     *time.Time `json:"since"`
		Reference string     `json:"reference"`
		UpdatedAt time.Time  `json:"updated_at"`
		TimeZone  string     `json:"time_zone"`
		Simulated bool       `json:"simulated"`
	}
	if err := json.Unmarshal(doc, &in); err != nil {
		return nil, fmt.Errorf("reading the status: %w", err)
	}
	p := &statusPage{Name: in.Name, Word: in.Word, Sentence: in.Sentence, Words: in.Words, Reference: in.Reference}
	if p.Sentence == p.Word+"." { // the word has said it
		p.Sentence = ""
	}
	p.head = head{Title: in.Name + ": " + in.Word, Zone: in.TimeZone, Simulated: in.Simulated}
	p.Now = at(in.UpdatedAt, in.UpdatedAt, in.TimeZone)
	if in.Since != nil {
		m := at(*in.Since, in.UpdatedAt, in.TimeZone)
		p.Since = &m
	}
	if in.Simulated {
		p.Title = "[simulated] " + p.Title
	}
	return p, nil
}
