using System.Globalization;

namespace AnoPLe.Gpu.Compute;

/// <summary>Sizes of a tensor's axes, slowest first, at most four. Every axis is at least 1; no axes is a scalar.</summary>
public readonly struct Shape : IEquatable<Shape>
{
    private readonly int d0, d1, d2, d3;

    /// <summary>Creates a shape of zero to four axes.</summary>
    /// <exception cref="ArgumentException">More than four axes, an axis below 1, or more than 2^31-1 elements.</exception>
    public Shape(params ReadOnlySpan<int> sizes)
    {
        if (sizes.Length > 4)
            throw new ArgumentException($"A tensor has at most 4 axes, got {sizes.Length}.", nameof(sizes));
        long count = 1;
        foreach (int size in sizes)
        {
            if (size < 1)
                throw new ArgumentException($"Every axis must be at least 1, got {size}.", nameof(sizes));
            count *= size;
            if (count > int.MaxValue)
                throw new ArgumentException($"A tensor holds at most {int.MaxValue} elements. Use a smaller batch.", nameof(sizes));
        }
        Rank = sizes.Length;
        d0 = Rank > 0 ? sizes[0] : 1;
        d1 = Rank > 1 ? sizes[1] : 1;
        d2 = Rank > 2 ? sizes[2] : 1;
        d3 = Rank > 3 ? sizes[3] : 1;
    }

    /// <summary>Number of axes, 0 to 4.</summary>
    public int Rank { get; }

    /// <summary>Number of elements.</summary>
    public int Count => AtLeastOne(d0) * AtLeastOne(d1) * AtLeastOne(d2) * AtLeastOne(d3);

    /// <summary>Size of the last axis (1 for a scalar): the row length of row-wise operations.</summary>
    public int Width => Rank == 0 ? 1 : this[Rank - 1];

    /// <summary>Product of all axes but the last.</summary>
    public int Rows => Count / Width;

    /// <summary>Size of one axis.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The axis is not below <see cref="Rank"/>.</exception>
    public int this[int axis] => axis >= 0 && axis < Rank
        ? axis switch { 0 => d0, 1 => d1, 2 => d2, _ => d3 }
        : throw new ArgumentOutOfRangeException(nameof(axis), axis, $"The shape {this} has {Rank} axes.");

    // default(Shape) has zero in every field; it is the scalar shape.
    private static int AtLeastOne(int size) => Math.Max(size, 1);

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        if (Rank != other.Rank)
            return false;
        for (int i = 0; i < Rank; i++)
            if (this[i] != other[i])
                return false;
        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, AtLeastOne(d0), AtLeastOne(d1), AtLeastOne(d2), AtLeastOne(d3));

    /// <summary>Same axes.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Different axes.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>For instance "[8, 226, 896]".</summary>
    public override string ToString()
    {
        var sizes = new string[Rank];
        for (int i = 0; i < Rank; i++)
            sizes[i] = this[i].ToString(CultureInfo.InvariantCulture);
        return $"[{string.Join(", ", sizes)}]";
    }
}
