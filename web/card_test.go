package web

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

func card(t *testing.T, doc string) image.Image {
	t.Helper()
	b, err := Draw("card", []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds() != image.Rect(0, 0, cardWidth, cardHeight) || len(b) > 200_000 {
		t.Fatalf("%v, %d bytes", img.Bounds(), len(b))
	}
	return img
}

// inked counts the pixels of exactly one colour within a rectangle.
func inked(img image.Image, in image.Rectangle, c color.RGBA) (n int) {
	for y := in.Min.Y; y < in.Max.Y; y++ {
		for x := in.Min.X; x < in.Max.X; x++ {
			if r, g, b, _ := img.At(x, y).RGBA(); uint8(r>>8) == c.R && uint8(g>>8) == c.G && uint8(b>>8) == c.B {
				n++
			}
		}
	}
	return n
}

// The picture shows what the sentence says: as many filled dots as cases pass, the state's colour, and promise 7: what
// is simulated says so in the picture itself.
//
// Fails when: cardOf leaves out the frame with the word Simulated, or dots fills one more.
func TestCardShowsTheVerdict(t *testing.T) {
	img := card(t, siteJSON)
	if inked(img, image.Rect(0, 0, 14, cardHeight), tones["alert"]) != 14*cardHeight {
		t.Error("the edge has not the colour of an alert")
	}
	row := image.Rect(int(cardEdge), cardHeight-100, int(cardEdge)+20*25, cardHeight-60)
	filled := 0
	for i := range 20 {
		if inked(img, image.Rect(row.Min.X+25*i, row.Min.Y, row.Min.X+25*i+18, row.Max.Y), capColour) > 150 {
			filled++
		}
	}
	if filled != 3 { // as the drawn page counts: three of the breaches came
		t.Errorf("%d dots are filled, want 3", filled)
	}
	corner := image.Rect(cardWidth-260, 30, cardWidth-50, 80)
	honest := card(t, strings.ReplaceAll(strings.ReplaceAll(siteJSON, `"simulated":true`, `"simulated":false`), "Simulated", "Real"))
	if inked(img, corner, ink) < 100 || inked(honest, corner, ink) != 0 {
		t.Errorf("the word Simulated: %d pixels of a simulated site, %d of a real one", inked(img, corner, ink), inked(honest, corner, ink))
	}
}

// What was served once and is above the chart is left out: at its upper edge it would be read as less than it was.
//
// Fails when: fan draws the line as it is, or at y, which ends at the edge; below leaves out what is within.
func TestCardLeavesOutACapacityAboveIt(t *testing.T) {
	before := image.Rect(int(cardEdge), 100, int(cardEdge)+420, cardHeight-140) // now is 435 right of the edge
	after := image.Rect(before.Max.X, 100, cardWidth, cardHeight-140)
	past := func(rpm string) image.Image {
		return card(t, strings.Replace(siteJSON, `"capacity_rpm":1000}]`, `"capacity_rpm":`+rpm+`}]`, 1))
	}
	within, above := past("1000"), past("3000")
	if a, b := inked(within, before, capColour), inked(within, after, capColour); a < 300 || b < 300 {
		t.Errorf("a capacity within the chart: %d pixels of it before now, %d after", a, b)
	}
	if a, b := inked(above, before, capColour), inked(above, after, capColour); a != 0 || b < 300 {
		t.Errorf("a past capacity above the chart: %d pixels of it before now, want none; %d after", a, b)
	}
}

// Whatever the documents hold, a card has its size and the words stay on it: long names and sentences are cut, an
// expired or missing forecast draws no band.
func TestCardOfOddDocuments(t *testing.T) {
	long := strings.Replace(siteJSON, "Nordlicht <Tickets>", strings.Repeat("Ňordlicht 北 ", 60), 2)
	long = strings.ReplaceAll(long, "About even chance", strings.Repeat("Unbreakable", 40)+" "+strings.Repeat("many words ", 200))
	for name, doc := range map[string]string{
		"long": long, "empty": `{"risk":{}}`, "no forecast": `{"risk":{"name":"Shop","state":"cannot_tell","verdict":{"headline":"No numbers from this site yet."}}}`,
	} {
		img := card(t, doc)
		if n := inked(img, image.Rect(cardWidth-40, 100, cardWidth, cardHeight-100), ink); n != 0 {
			t.Errorf("%s: %d pixels of words beyond the edge", name, n)
		}
		if name != "long" && inked(img, img.Bounds(), band80) != 0 {
			t.Errorf("%s: a band without a forecast", name)
		}
	}
	if _, err := Draw("card", []byte(`{}`)); err == nil {
		t.Error("a card of nothing")
	}
}

func BenchmarkCard(b *testing.B) {
	for b.Loop() {
		if _, err := Draw("card", []byte(siteJSON)); err != nil {
			b.Fatal(err)
		}
	}
}
