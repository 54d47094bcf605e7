package jetstream

import "time"

// instant reads an RFC 3339 time as Unix microseconds; 0 if it is none. The common forms, with Z or a zero
// offset, are read in place.
func instant(b []byte) int64 {
	if len(b) >= 20 && b[4] == '-' && b[7] == '-' && b[10] == 'T' && b[13] == ':' && b[16] == ':' {
		y, ok := digits(b[:4])
		mo, ok2 := digits(b[5:7])
		d, ok3 := digits(b[8:10])
		h, ok4 := digits(b[11:13])
		mi, ok5 := digits(b[14:16])
		s, ok6 := digits(b[17:19])
		rest := b[19:]
		micros, scale := 0, 100_000
		if len(rest) > 1 && rest[0] == '.' {
			rest = rest[1:]
			for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
				micros += int(rest[0]-'0') * scale
				scale /= 10
				rest = rest[1:]
			}
		}
		zero := string(rest) == "Z" || string(rest) == "+00:00"
		if ok && ok2 && ok3 && ok4 && ok5 && ok6 && zero && mo >= 1 && mo <= 12 && d >= 1 && d <= daysIn(y, mo) && h < 24 && mi < 60 && s < 60 {
			return (daysSince1970(y, mo, d)*86400+int64(h)*3600+int64(mi)*60+int64(s))*1e6 + int64(micros)
		}
	}
	if len(b) > 40 {
		return 0
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return 0
	}
	return t.UnixMicro()
}

func digits(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

func daysIn(y, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days in the proleptic Gregorian calendar (Howard Hinnant, days_from_civil).
func daysSince1970(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}
