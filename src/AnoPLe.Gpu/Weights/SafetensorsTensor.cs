using System.Globalization;

namespace AnoPLe.Gpu.Weights;

/// <summary>What the header of a safetensors file says about one tensor.</summary>
public sealed class SafetensorsTensor
{
    internal SafetensorsTensor(string name, SafetensorsType type, long[] shape, long count, long offset, long bytes)
    {
        Name = name;
        Type = type;
        Shape = shape;
        Count = count;
        Offset = offset;
        Bytes = bytes;
    }

    /// <summary>Its name in the file.</summary>
    public string Name { get; }

    /// <summary>What one element is.</summary>
    public SafetensorsType Type { get; }

    /// <summary>Axes, slowest first. No axes is a scalar; an axis may be 0.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Number of elements: the product of the axes.</summary>
    public long Count { get; }

    /// <summary>Where its bytes begin, counted from the first byte after the header.</summary>
    public long Offset { get; }

    /// <summary>How many bytes it has.</summary>
    public long Bytes { get; }

    /// <summary>For instance "[896, 640]".</summary>
    public string ShapeText => Text(Shape);

    /// <summary>For instance "visual.proj F32 [896, 640]".</summary>
    public override string ToString() => $"{Name} {Type} {ShapeText}";

    internal static string Text(IEnumerable<long> shape) =>
        $"[{string.Join(", ", shape.Select(axis => axis.ToString(CultureInfo.InvariantCulture)))}]";
}
