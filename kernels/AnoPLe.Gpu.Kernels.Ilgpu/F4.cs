using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Four floats moved by one 16-byte load or store.</summary>
internal struct F4
{
    public float X, Y, Z, W;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 Of(float x, float y, float z, float w)
    {
        F4 v;
        v.X = x;
        v.Y = y;
        v.Z = z;
        v.W = w;
        return v;
    }

    /// <summary>c + a*b for one scalar a.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 Axpy(F4 c, float a, F4 b)
    {
        c.X += a * b.X;
        c.Y += a * b.Y;
        c.Z += a * b.Z;
        c.W += a * b.W;
        return c;
    }

    /// <summary>a*v for one scalar a.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 Scale(float a, F4 v) => Of(a * v.X, a * v.Y, a * v.Z, a * v.W);

    /// <summary>Elementwise sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 Add(F4 a, F4 b) => Of(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    /// <summary>c + a . b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(float c, F4 a, F4 b)
    {
        c += a.X * b.X;
        c += a.Y * b.Y;
        c += a.Z * b.Z;
        c += a.W * b.W;
        return c;
    }
}

/// <summary>
/// A 4 x 4 block of accumulators. Its fields become registers; an array indexed by a loop would become local (stack) memory.
/// </summary>
internal struct Block4
{
    public F4 R0, R1, R2, R3;

    /// <summary>c + a b^T for a column a and a row b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Block4 Outer(Block4 c, F4 a, F4 b)
    {
        c.R0 = F4.Axpy(c.R0, a.X, b);
        c.R1 = F4.Axpy(c.R1, a.Y, b);
        c.R2 = F4.Axpy(c.R2, a.Z, b);
        c.R3 = F4.Axpy(c.R3, a.W, b);
        return c;
    }

    /// <summary>Row i times factor i.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Block4 ScaleRows(Block4 c, F4 factors)
    {
        c.R0 = F4.Scale(factors.X, c.R0);
        c.R1 = F4.Scale(factors.Y, c.R1);
        c.R2 = F4.Scale(factors.Z, c.R2);
        c.R3 = F4.Scale(factors.W, c.R3);
        return c;
    }
}
