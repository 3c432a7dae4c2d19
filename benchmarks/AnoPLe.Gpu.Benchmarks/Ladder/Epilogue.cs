using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// Bias and GELU, vectorised, in place. Rungs 0 to 5 call it once for all of C, when the product is done; rung 6 calls it for a tile that has
/// just been stored. The instructions are the same: what differs is where C is by then.
/// </summary>
internal static unsafe class Epilogue<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply(float* c, nint ldc, float* bias, int rows, int columns)
    {
        for (int i = 0; i < rows; i++, c += ldc)
            for (int j = 0; j < columns; j += O.N)
            {
                // The last vector of a row may be read too far (into the next row, or slack), and is stored only as far as the row goes.
                V x = O.Add(O.Load(c + j), O.Load(bias + j));
                Elementwise<V, O>.StoreAtMost(Elementwise<V, O>.Gelu(x), c + j, columns - j);
            }
    }
}

/// <summary>The second pass over C.</summary>
internal static unsafe class Epilogue
{
    public static void OverAll(LadderProblem p)
    {
        switch (InstructionSet.Bits)
        {
            case 512: Epilogue<Vector512<float>, Simd512>.Apply(p.C, p.N, p.Bias, p.M, p.N); break;
            case 256: Epilogue<Vector256<float>, Simd256>.Apply(p.C, p.N, p.Bias, p.M, p.N); break;
            case 128: Epilogue<Vector128<float>, Simd128>.Apply(p.C, p.N, p.Bias, p.M, p.N); break;
            default: Epilogue<float, SimdScalar>.Apply(p.C, p.N, p.Bias, p.M, p.N); break;
        }
    }
}
