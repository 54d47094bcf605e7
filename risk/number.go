package risk

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// about is a number with two digits: 1,643 → "1,600". Rates, visits and money in sentences.
func about(x float64) string { return grouped(digits(x, 2)) }

// measured is a number with three digits: 1,484 → "1,480". What has been measured.
func measured(x float64) string { return grouped(digits(x, 3)) }

// exact is the configured capacity as it was configured, one decimal at most.
func exact(x float64) string { return grouped(math.Round(x*10) / 10) }

// digits rounds to n significant digits, and never below whole numbers.
func digits(x float64, n int) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) || x == 0 {
		return x
	}
	scale := math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-float64(n-1))
	scale = max(scale, 1)
	return math.Round(x/scale) * scale
}

// grouped writes a number with commas between groups of three.
func grouped(x float64) string {
	s := strconv.FormatFloat(x, 'f', -1, 64)
	whole, fraction, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if fraction != "" {
		b.WriteByte('.')
		b.WriteString(fraction)
	}
	return b.String()
}

// units is "1 unit", "7 units".
func units(n int) string { return plural(n, "unit") }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(float64(n)) + " " + noun + "s"
}

// symbols are the currencies with a sign of their own; others are written by their code.
var symbols = map[string]string{
	"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "BRL": "R$", "PLN": "zł ",
	"CAD": "CA$", "AUD": "A$", "NZD": "NZ$", "CNY": "CN¥", "ILS": "₪", "TRY": "₺", "UAH": "₴",
}

// money is an amount with two digits, whole: "€540". Under one it is "less than €1": a second decimal would claim
// what nobody knows.
func money(x float64, currency string) string {
	sign, ok := symbols[strings.ToUpper(currency)]
	if !ok {
		sign = strings.ToUpper(currency)
		if sign != "" {
			sign += " "
		}
	}
	if x > 0 && x < 1 {
		return "less than " + sign + "1"
	}
	return sign + about(x)
}

// capital writes the first letter of a sentence large; lower undoes it.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || r == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

func lower(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || r == utf8.RuneError {
		return s
	}
	return string(unicode.ToLower(r)) + s[n:]
}
