using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Transposed copies in blocks of 4 x 4.</summary>
internal static unsafe class Transpose
{
    /// <summary>target[c·targetLd + r] = source[r·sourceLd + c] for r below rows, c below columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows(float* source, nint sourceLd, int rows, int columns, float* target, nint targetLd)
    {
        bool hasBlocks = Sse.IsSupported || AdvSimd.Arm64.IsSupported;
        int blockRows = hasBlocks ? rows & ~3 : 0, blockColumns = columns & ~3;
        for (int r = 0; r < blockRows; r += 4)
            for (int c = 0; c < blockColumns; c += 4)
                Block(source + r * sourceLd + c, sourceLd, target + c * targetLd + r, targetLd);
        for (int r = 0; r < rows; r++)
            for (int c = r < blockRows ? blockColumns : 0; c < columns; c++)
                target[c * targetLd + r] = source[r * sourceLd + c];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block(float* s, nint sourceLd, float* t, nint targetLd)
    {
        Vector128<float> a = Vector128.Load(s), b = Vector128.Load(s + sourceLd);
        Vector128<float> c = Vector128.Load(s + 2 * sourceLd), d = Vector128.Load(s + 3 * sourceLd);
        // a0 c0 a1 c1 | a2 c2 a3 c3, likewise b and d; then the two are interleaved.
        Vector128<float> ac0 = InterleaveLow(a, c), ac1 = InterleaveHigh(a, c), bd0 = InterleaveLow(b, d), bd1 = InterleaveHigh(b, d);
        InterleaveLow(ac0, bd0).Store(t);
        InterleaveHigh(ac0, bd0).Store(t + targetLd);
        InterleaveLow(ac1, bd1).Store(t + 2 * targetLd);
        InterleaveHigh(ac1, bd1).Store(t + 3 * targetLd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b) : AdvSimd.Arm64.ZipLow(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b) : AdvSimd.Arm64.ZipHigh(a, b);
}
