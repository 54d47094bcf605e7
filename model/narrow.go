package model

import "math"

// What waits for its truth is kept in 32 bits: a site with two mixtures would hold a quarter of a megabyte of it,
// and seven digits of a forecast are more than its error leaves. It is rounded when it is filed, so a restored
// series reads the same numbers as one that went on.

var nan32 = float32(math.NaN())

func narrow(dst []float32, src []float64) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = float32(src[i])
	}
}

// widened unpacks src into the beginning of buf.
func widened(buf []float64, src []float32) []float64 {
	buf = buf[:len(src)]
	for i, v := range src {
		buf[i] = float64(v)
	}
	return buf
}
