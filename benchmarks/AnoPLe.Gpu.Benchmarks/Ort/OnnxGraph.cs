using System.Globalization;
using System.Runtime.InteropServices;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>
/// Builds an ONNX model: nodes in order, weights in a second file beside it ("external data"), so that size has no limit.
/// Field numbers are those of onnx.proto (IR version 8); operator set 17, the first with LayerNormalization.
/// </summary>
internal sealed class OnnxGraph : IDisposable
{
    private const int FloatType = 1, Int32Type = 6, Int64Type = 7, IrVersion = 8, OperatorSet = 17;
    private const string WeightsFile = "weights.bin";
    private readonly ProtobufWriter graph = new();
    private readonly string folder;
    private readonly FileStream weights;
    private int names;

    /// <summary>Begins a model in an existing folder.</summary>
    public OnnxGraph(string folder)
    {
        this.folder = folder;
        weights = new FileStream(Path.Combine(folder, WeightsFile), FileMode.CreateNew);
        graph.Text(2, "encoder");
    }

    /// <summary>Declares the model's input of floats.</summary>
    public string Input(string name, params int[] shape) => Input(name, FloatType, shape);

    /// <summary>Declares the model's input of 32-bit integers.</summary>
    public string Int32Input(string name, params int[] shape) => Input(name, Int32Type, shape);

    /// <summary>Declares a node's result as the model's output.</summary>
    public void Output(string name, params int[] shape) => graph.Message(12, info => ValueInfo(info, name, FloatType, shape));

    /// <summary>A float constant, stored in the weights file on a page boundary.</summary>
    public string Constant(string name, ReadOnlySpan<float> values, params int[] shape)
    {
        if (values.Length != shape.Aggregate(1, (a, b) => a * b))
            throw new ArgumentException($"'{name}' has {values.Length} values for a shape of [{string.Join(", ", shape)}].", nameof(values));
        weights.Position = (weights.Position + 4095) / 4096 * 4096;
        long offset = weights.Position;
        weights.Write(MemoryMarshal.AsBytes(values));
        graph.Message(5, tensor =>
        {
            Dimensions(tensor, shape).Integer(2, FloatType).Text(8, name);
            tensor.Message(13, e => e.Text(1, "location").Text(2, WeightsFile));
            tensor.Message(13, e => e.Text(1, "offset").Text(2, offset.ToString(CultureInfo.InvariantCulture)));
            tensor.Message(13, e => e.Text(1, "length").Text(2, (weights.Position - offset).ToString(CultureInfo.InvariantCulture)));
            tensor.Integer(14, 1); // data_location: external
        });
        return name;
    }

    /// <summary>A float scalar.</summary>
    public string Scalar(float value)
    {
        string name = NewName("scalar");
        graph.Message(5, tensor => tensor.Integer(2, FloatType).Text(8, name).Block(9, BitConverter.GetBytes(value)));
        return name;
    }

    /// <summary>A list of integers: shapes, axes, indices.</summary>
    public string Integers(params long[] values)
    {
        string name = NewName("integers");
        graph.Message(5, tensor => Dimensions(tensor, [values.Length]).Integer(2, Int64Type).Text(8, name).Block(9, MemoryMarshal.AsBytes<long>(values)));
        return name;
    }

    /// <summary>A node with one output; returns the output's name. Attributes are float, long or long[].</summary>
    public string Node(string type, string[] inputs, params (string Name, object Value)[] attributes) => Node(type, inputs, NewName(type), attributes);

    /// <summary>A node whose output has this name.</summary>
    public string Node(string type, string[] inputs, string output, params (string Name, object Value)[] attributes)
    {
        Add(type, inputs, [output], attributes);
        return output;
    }

    /// <summary>Cuts an axis into parts of these sizes.</summary>
    public string[] Split(string x, long axis, params long[] sizes)
    {
        string[] parts = [.. sizes.Select(_ => NewName("Split"))];
        Add("Split", [x, Integers(sizes)], parts, [("axis", axis)]);
        return parts;
    }

    /// <summary>Writes model.onnx and returns its path.</summary>
    public string Save()
    {
        weights.Dispose();
        var model = new ProtobufWriter()
            .Integer(1, IrVersion)
            .Text(2, "AnoPLe.Gpu.Benchmarks")
            .Block(7, graph.Bytes)
            .Message(8, set => set.Text(1, "").Integer(2, OperatorSet));
        string path = Path.Combine(folder, "model.onnx");
        File.WriteAllBytes(path, model.Bytes);
        return path;
    }

    public void Dispose() => weights.Dispose();

    private string Input(string name, int type, int[] shape)
    {
        graph.Message(11, info => ValueInfo(info, name, type, shape));
        return name;
    }

    private void Add(string type, string[] inputs, string[] outputs, (string Name, object Value)[] attributes)
        => graph.Message(1, node =>
        {
            foreach (string input in inputs)
                node.Text(1, input);
            foreach (string output in outputs)
                node.Text(2, output);
            node.Text(3, outputs[0]).Text(4, type);
            foreach (var attribute in attributes)
                node.Message(5, a => Attribute(a, attribute.Name, attribute.Value));
        });

    private string NewName(string stem) => string.Create(CultureInfo.InvariantCulture, $"{stem}_{names++}");

    private static ProtobufWriter Dimensions(ProtobufWriter tensor, int[] shape)
    {
        foreach (int size in shape)
            tensor.Integer(1, size);
        return tensor;
    }

    private static void ValueInfo(ProtobufWriter info, string name, int elementType, int[] shape)
        => info.Text(1, name).Message(2, type => type.Message(1, tensor =>
        {
            tensor.Integer(1, elementType);
            tensor.Message(2, s =>
            {
                foreach (int size in shape)
                    s.Message(1, dimension => dimension.Integer(1, size));
            });
        }));

    private static void Attribute(ProtobufWriter attribute, string name, object value)
    {
        attribute.Text(1, name);
        switch (value)
        {
            case float f:
                attribute.Float(2, f).Integer(20, 1);
                break;
            case long i:
                attribute.Integer(3, i).Integer(20, 2);
                break;
            case long[] list:
                foreach (long i in list)
                    attribute.Integer(8, i);
                attribute.Integer(20, 7);
                break;
            default:
                throw new ArgumentException($"Attribute '{name}' is a {value.GetType().Name}; expected float, long or long[].", nameof(value));
        }
    }
}
