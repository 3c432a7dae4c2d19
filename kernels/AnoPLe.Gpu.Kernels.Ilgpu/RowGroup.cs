using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sums over a group of 64 threads, for the operations that give a row to a group.</summary>
internal static class RowGroup
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 64;

    /// <summary>Shared memory of one sum, in units of four floats. A kernel allocates that of all its sums at once.</summary>
    public const int Quads = Threads / 4;

    /// <summary>
    /// The sum of all threads' values, the same bits in every thread: each adds all 64 in the same order, which costs one barrier where
    /// a tree would take six. The shared memory, <see cref="Quads"/> long, must not be used for anything else.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(ArrayView<F4> shared, float value)
    {
        shared.Cast<float>()[Group.IdxX] = value;
        Local.Barrier();
        F4 sum = shared[0];
        for (int i = 1; i < Quads; i++)
            sum = F4.Add(sum, shared[i]);
        return (sum.X + sum.Y) + (sum.Z + sum.W);
    }
}
