package externalscaler

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"
)

// contract is KEDA's externalscaler.proto (v2.21) as a descriptor: what protobuf itself makes of our bytes.
func contract(t testing.TB) protoreflect.FileDescriptor {
	t.Helper()
	type fields []*descriptorpb.FieldDescriptorProto
	field := func(name string, num int32, kind descriptorpb.FieldDescriptorProto_Type, of string, repeated bool) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: proto.String(name), Number: proto.Int32(num), Type: kind.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		if of != "" {
			f.TypeName = proto.String(".externalscaler." + of)
		}
		if repeated {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}
		return f
	}
	const (
		str = descriptorpb.FieldDescriptorProto_TYPE_STRING
		msg = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
		i64 = descriptorpb.FieldDescriptorProto_TYPE_INT64
		dbl = descriptorpb.FieldDescriptorProto_TYPE_DOUBLE
		yes = descriptorpb.FieldDescriptorProto_TYPE_BOOL
	)
	message := func(name string, fs fields) *descriptorpb.DescriptorProto {
		return &descriptorpb.DescriptorProto{Name: proto.String(name), Field: fs}
	}
	ref := message("ScaledObjectRef", fields{field("name", 1, str, "", false), field("namespace", 2, str, "", false), field("scalerMetadata", 3, msg, "ScaledObjectRef.ScalerMetadataEntry", true)})
	ref.NestedType = []*descriptorpb.DescriptorProto{{
		Name: proto.String("ScalerMetadataEntry"), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
		Field: fields{field("key", 1, str, "", false), field("value", 2, str, "", false)},
	}}
	f, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("externalscaler.proto"), Package: proto.String("externalscaler"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			ref,
			message("IsActiveResponse", fields{field("result", 1, yes, "", false)}),
			message("GetMetricSpecResponse", fields{field("metricSpecs", 1, msg, "MetricSpec", true)}),
			message("MetricSpec", fields{field("metricName", 1, str, "", false), field("targetSize", 2, i64, "", false), field("targetSizeFloat", 3, dbl, "", false)}),
			message("GetMetricsRequest", fields{field("scaledObjectRef", 1, msg, "ScaledObjectRef", false), field("metricName", 2, str, "", false)}),
			message("GetMetricsResponse", fields{field("metricValues", 1, msg, "MetricValue", true)}),
			message("MetricValue", fields{field("metricName", 1, str, "", false), field("metricValue", 2, i64, "", false), field("metricValueFloat", 3, dbl, "", false)}),
		},
	}, &protoregistry.Files{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What we write protobuf reads and writes back, and what it writes we read, field for field.
// Fails when: a field number in messages.go changes.
func TestProtobufReadsWhatWeWrite(t *testing.T) {
	file := contract(t)
	through := func(t *rapid.T, name string, in, out message) {
		d := dynamicpb.NewMessage(file.Messages().ByName(protoreflect.Name(name)))
		if err := proto.Unmarshal(in.appendTo(nil), d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(d.ProtoReflect().GetUnknown()) > 0 {
			t.Fatalf("%s: protobuf does not know a field of ours", name)
		}
		b, err := proto.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := parse(b, out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		number := rapid.Float64Range(-1e12, 1e12)
		var meta map[string]string
		if m := rapid.MapOfN(text, text, 0, 8).Draw(t, "metadata"); len(m) > 0 {
			meta = m
		}
		ref := ScaledObjectRef{Name: text.Draw(t, "name"), Namespace: text.Draw(t, "namespace"), ScalerMetadata: meta}
		through(t, "ScaledObjectRef", &ref, &ScaledObjectRef{})
		through(t, "GetMetricsRequest", &GetMetricsRequest{ScaledObjectRef: ref, MetricName: text.Draw(t, "metric")}, &GetMetricsRequest{})
		through(t, "IsActiveResponse", &IsActiveResponse{Result: rapid.Bool().Draw(t, "active")}, &IsActiveResponse{})
		var specs []MetricSpec
		var values []MetricValue
		for range rapid.IntRange(0, 4).Draw(t, "entries") {
			specs = append(specs, MetricSpec{text.Draw(t, "spec"), rapid.Int64().Draw(t, "target"), number.Draw(t, "target")})
			values = append(values, MetricValue{text.Draw(t, "value"), rapid.Int64().Draw(t, "value"), number.Draw(t, "value")})
		}
		through(t, "GetMetricSpecResponse", &GetMetricSpecResponse{specs}, &GetMetricSpecResponse{})
		through(t, "GetMetricsResponse", &GetMetricsResponse{values}, &GetMetricsResponse{})
	})
}

// What a server sends as NaN or −0 arrives as such: the verifier must see it.
func TestOddNumbersArrive(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)} {
		var out GetMetricsResponse
		if err := parse((&GetMetricsResponse{[]MetricValue{{MetricValueFloat: x}}}).appendTo(nil), &out); err != nil {
			t.Fatal(err)
		}
		if got := out.MetricValues[0].MetricValueFloat; math.Float64bits(got) != math.Float64bits(x) {
			t.Errorf("%g became %g", x, got)
		}
	}
}

// No bytes from outside panic, and what is read is written again as the same message.
func FuzzParse(f *testing.F) {
	f.Add((&GetMetricsRequest{ScaledObjectRef: ScaledObjectRef{Name: "shop", ScalerMetadata: map[string]string{"site": "shop"}}, MetricName: "m"}).appendTo(nil))
	f.Add((&GetMetricsResponse{[]MetricValue{{"m", 3, 2.5}}}).appendTo(nil))
	f.Add([]byte{0x0a, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, pair := range [][2]message{
			{&ScaledObjectRef{}, &ScaledObjectRef{}},
			{&GetMetricsRequest{}, &GetMetricsRequest{}},
			{&GetMetricSpecResponse{}, &GetMetricSpecResponse{}},
			{&GetMetricsResponse{}, &GetMetricsResponse{}},
			{&IsActiveResponse{}, &IsActiveResponse{}},
		} {
			if parse(b, pair[0]) != nil {
				continue
			}
			again := pair[0].appendTo(nil)
			if len(again) > MaxMessageBytes {
				continue
			}
			if err := parse(again, pair[1]); err != nil {
				t.Fatalf("what was read cannot be read again: %v", err)
			}
			if string(pair[1].appendTo(nil)) != string(again) {
				t.Fatalf("%+v became %+v", pair[0], pair[1])
			}
		}
	})
}
