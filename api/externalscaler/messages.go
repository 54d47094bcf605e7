// Package externalscaler speaks KEDA's gRPC contract externalscaler.ExternalScaler, for the service that answers it
// and for the verifier that asks it.
//
// The contract is KEDA's pkg/scalers/externalscaler/externalscaler.proto (v2.21). Its seven flat messages are written
// by hand over protowire instead of generated: nothing is registered under the contract's names, so a program that
// also links KEDA's own package starts, and what is read from outside is bounded here, field by field.
package externalscaler

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// What is read of a message at most: a ScaledObject's metadata are a few dozen short lines.
const (
	MaxMessageBytes = 64 << 10
	maxEntries      = 256 // of a map or a list
)

// ScaledObjectRef says who asks: a ScaledObject, and the metadata of its trigger.
type ScaledObjectRef struct {
	Name           string
	Namespace      string
	ScalerMetadata map[string]string
}

// IsActiveResponse says whether the workload should run at all.
type IsActiveResponse struct{ Result bool }

// MetricSpec names a metric and what one replica serves of it. KEDA takes TargetSizeFloat when it is > 0, else
// TargetSize.
type MetricSpec struct {
	MetricName      string
	TargetSize      int64
	TargetSizeFloat float64
}

// GetMetricSpecResponse are the metrics a trigger offers.
type GetMetricSpecResponse struct{ MetricSpecs []MetricSpec }

// GetMetricsRequest asks for the values of one metric.
type GetMetricsRequest struct {
	ScaledObjectRef ScaledObjectRef
	MetricName      string
}

// MetricValue is a metric's value. KEDA takes MetricValueFloat when it is > 0, else MetricValue.
type MetricValue struct {
	MetricName       string
	MetricValue      int64
	MetricValueFloat float64
}

// GetMetricsResponse are the values of a metric.
type GetMetricsResponse struct{ MetricValues []MetricValue }

// message is what the codec can carry.
type message interface {
	appendTo(b []byte) []byte
	field(num protowire.Number, typ protowire.Type, b []byte) (n int, err error)
	reset()
}

// errSkip says that a field is not one of ours: newer clients may send more.
var errSkip = errors.New("unknown field")

// parse reads a message. What is malformed or too large is an error, never a guess.
func parse(b []byte, m message) error {
	if len(b) > MaxMessageBytes {
		return fmt.Errorf("a message of %d bytes: at most %d are read", len(b), MaxMessageBytes)
	}
	m.reset()
	return fields(b, m.field)
}

func fields(b []byte, take func(protowire.Number, protowire.Type, []byte) (int, error)) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("tag of a field: %w", protowire.ParseError(n))
		}
		b = b[n:]
		n, err := take(num, typ, b)
		if errors.Is(err, errSkip) {
			n, err = protowire.ConsumeFieldValue(num, typ, b), nil
		}
		if err != nil {
			return fmt.Errorf("field %d: %w", num, err)
		}
		if n < 0 {
			return fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
		}
		b = b[n:]
	}
	return nil
}

func text(typ protowire.Type, b []byte, into *string) (int, error) {
	if typ != protowire.BytesType {
		return 0, errSkip
	}
	v, n := protowire.ConsumeBytes(b)
	if n < 0 {
		return n, nil
	}
	if !utf8.Valid(v) {
		return 0, errors.New("is not UTF-8")
	}
	*into = string(v)
	return n, nil
}

func inner(typ protowire.Type, b []byte, take func(protowire.Number, protowire.Type, []byte) (int, error)) (int, error) {
	if typ != protowire.BytesType {
		return 0, errSkip
	}
	v, n := protowire.ConsumeBytes(b)
	if n < 0 {
		return n, nil
	}
	return n, fields(v, take)
}

func integer(typ protowire.Type, b []byte, into *int64) (int, error) {
	if typ != protowire.VarintType {
		return 0, errSkip
	}
	v, n := protowire.ConsumeVarint(b)
	*into = int64(v)
	return n, nil
}

func double(typ protowire.Type, b []byte, into *float64) (int, error) {
	if typ != protowire.Fixed64Type {
		return 0, errSkip
	}
	v, n := protowire.ConsumeFixed64(b)
	*into = math.Float64frombits(v)
	return n, nil
}

func appendText(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func appendInner(b []byte, num protowire.Number, in []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), in)
}

func appendInteger(b []byte, num protowire.Number, v int64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
}

func appendDouble(b []byte, num protowire.Number, v float64) []byte {
	bits := math.Float64bits(v)
	if bits == 0 { // −0 is a value, +0 is the absence of one
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), bits)
}

func (m *ScaledObjectRef) reset() { *m = ScaledObjectRef{} }

func (m *ScaledObjectRef) appendTo(b []byte) []byte {
	b = appendText(b, 1, m.Name)
	b = appendText(b, 2, m.Namespace)
	keys := make([]string, 0, len(m.ScalerMetadata))
	for k := range m.ScalerMetadata {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		b = appendInner(b, 3, appendText(appendText(nil, 1, k), 2, m.ScalerMetadata[k]))
	}
	return b
}

func (m *ScaledObjectRef) field(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	switch int(num) {
	case 1:
		return text(typ, b, &m.Name)
	case 2:
		return text(typ, b, &m.Namespace)
	case 3:
		var k, v string
		n, err := inner(typ, b, func(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
			switch int(num) {
			case 1:
				return text(typ, b, &k)
			case 2:
				return text(typ, b, &v)
			}
			return 0, errSkip
		})
		if err != nil || n < 0 {
			return n, err
		}
		if m.ScalerMetadata == nil {
			m.ScalerMetadata = map[string]string{}
		}
		m.ScalerMetadata[k] = v
		if len(m.ScalerMetadata) > maxEntries {
			return 0, fmt.Errorf("more than %d entries of metadata", maxEntries)
		}
		return n, nil
	}
	return 0, errSkip
}

func (m *IsActiveResponse) reset() { *m = IsActiveResponse{} }

func (m *IsActiveResponse) appendTo(b []byte) []byte {
	if m.Result {
		return appendInteger(b, 1, 1)
	}
	return b
}

func (m *IsActiveResponse) field(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	if num != 1 {
		return 0, errSkip
	}
	var v int64
	n, err := integer(typ, b, &v)
	m.Result = v != 0
	return n, err
}

func (m *MetricSpec) appendTo(b []byte) []byte {
	return appendDouble(appendInteger(appendText(b, 1, m.MetricName), 2, m.TargetSize), 3, m.TargetSizeFloat)
}

func (m *MetricSpec) field(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	switch int(num) {
	case 1:
		return text(typ, b, &m.MetricName)
	case 2:
		return integer(typ, b, &m.TargetSize)
	case 3:
		return double(typ, b, &m.TargetSizeFloat)
	}
	return 0, errSkip
}

func (m *GetMetricSpecResponse) reset() { *m = GetMetricSpecResponse{} }

func (m *GetMetricSpecResponse) appendTo(b []byte) []byte {
	for i := range m.MetricSpecs {
		b = appendInner(b, 1, m.MetricSpecs[i].appendTo(nil))
	}
	return b
}

func (m *GetMetricSpecResponse) field(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	if num != 1 {
		return 0, errSkip
	}
	var s MetricSpec
	n, err := inner(typ, b, s.field)
	if err != nil || n < 0 {
		return n, err
	}
	if len(m.MetricSpecs) >= maxEntries {
		return 0, fmt.Errorf("more than %d metrics", maxEntries)
	}
	m.MetricSpecs = append(m.MetricSpecs, s)
	return n, nil
}

func (m *GetMetricsRequest) reset() { *m = GetMetricsRequest{} }

func (m *GetMetricsRequest) appendTo(b []byte) []byte {
	return appendText(appendInner(b, 1, m.ScaledObjectRef.appendTo(nil)), 2, m.MetricName)
}

func (m *GetMetricsRequest) field(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	switch int(num) {
	case 1:
		return inner(typ, b, m.ScaledObjectRef.field)
	case 2:
		return text(typ, b, &m.MetricName)
	}
	return 0, errSkip
}

func (m *MetricValue) appendTo(b []byte) []byte {
	return appendDouble(appendInteger(appendText(b, 1, m.MetricName), 2, m.MetricValue), 3, m.MetricValueFloat)
}

func (m *MetricValue) field(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	switch int(num) {
	case 1:
		return text(typ, b, &m.MetricName)
	case 2:
		return integer(typ, b, &m.MetricValue)
	case 3:
		return double(typ, b, &m.MetricValueFloat)
	}
	return 0, errSkip
}

func (m *GetMetricsResponse) reset() { *m = GetMetricsResponse{} }

func (m *GetMetricsResponse) appendTo(b []byte) []byte {
	for i := range m.MetricValues {
		b = appendInner(b, 1, m.MetricValues[i].appendTo(nil))
	}
	return b
}

func (m *GetMetricsResponse) field(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	if num != 1 {
		return 0, errSkip
	}
	var v MetricValue
	n, err := inner(typ, b, v.field)
	if err != nil || n < 0 {
		return n, err
	}
	if len(m.MetricValues) >= maxEntries {
		return 0, fmt.Errorf("more than %d values", maxEntries)
	}
	m.MetricValues = append(m.MetricValues, v)
	return n, nil
}
