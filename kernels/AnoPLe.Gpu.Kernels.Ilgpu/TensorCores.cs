using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using ILGPU.IR.Intrinsics;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Four 32-bit words, each a pair of 16-bit floats: what one thread holds of a 16 x 16 fragment of the left factor.</summary>
internal struct U4
{
    public uint X, Y, Z, W;
}

/// <summary>
/// NVIDIA's tensor cores and what feeds them, as functions of a warp: every thread of it calls them together. On CUDA each becomes one
/// instruction (sm_80; <see cref="TensorCoresPtx"/> writes it), on the simulator its body does the same, exchanging the warp's values through a
/// rented buffer, so the kernels are tested without a GPU. Other devices have no implementation: a kernel that uses them does not compile there.
/// Source: PTX ISA, sections mma.sync, ldmatrix, cp.async and cvt.
/// </summary>
internal static class TensorCores
{
    private const int Lanes = 32, Words = 8;

    private enum Kind
    {
        Bf16,
        Fp16,
        Tf32,
    }

    private static readonly ConcurrentBag<int> Free = [];
    private static readonly ConcurrentDictionary<int, uint[]> Exchange = new();
    private static int rented;

    /// <summary>
    /// c + a b in fp32, for a of 16 x 16 and b of 16 x 8 in bf16 (mma.m16n8k16). Thread 4 g + t of the warp holds, as pairs along k: of a rows g (X, Z) and
    /// g + 8 (Y, W) at k = 2 t (X, Y) and 2 t + 8 (Z, W); of b column g at k = 2 t (b0) and 2 t + 8 (b1); of c columns 2 t and 2 t + 1 of rows
    /// g (X, Y) and g + 8 (Z, W).
    /// </summary>
    [IntrinsicImplementation]
    public static F4 MultiplyAdd(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => Emulate(c, a0, a1, a2, a3, b0, b1, Kind.Bf16);

    /// <summary>The same in fp16.</summary>
    [IntrinsicImplementation]
    public static F4 MultiplyAddFp16(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => Emulate(c, a0, a1, a2, a3, b0, b1, Kind.Fp16);

    /// <summary>
    /// c + a b in fp32, for a of 16 x 8 and b of 8 x 8 in tf32 (mma.m16n8k8). A word has one value: thread 4 g + t holds of a rows g (a0, a2) and g + 8 (a1, a3) at
    /// k = t (a0, a1) and t + 4 (a2, a3), of b column g at the same k; c as above.
    /// </summary>
    [IntrinsicImplementation]
    public static F4 MultiplyAddTf32(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => Emulate(c, a0, a1, a2, a3, b0, b1, Kind.Tf32);

    /// <summary>
    /// Four 8 x 8 matrices of 16-bit floats from shared memory (ldmatrix.x4). Thread 8 m + r names the first word of row r of matrix m; thread 4 g + t gets
    /// word t of row g of each.
    /// </summary>
    /// <param name="shared">Element 0 of the shared memory.</param>
    /// <param name="word">First word of this thread's row, a multiple of 4.</param>
    [IntrinsicImplementation]
    public static U4 LoadMatrices(ref uint shared, int word)
    {
        int lane = Warp.LaneIdx, slot = Rent(lane), g = lane >> 2, t = lane & 3;
        uint[] s = Exchange[slot];
        s[lane] = (uint)word;
        Warp.Barrier();
        U4 result;
        result.X = Unsafe.Add(ref shared, (int)s[g] + t);
        result.Y = Unsafe.Add(ref shared, (int)s[8 + g] + t);
        result.Z = Unsafe.Add(ref shared, (int)s[16 + g] + t);
        result.W = Unsafe.Add(ref shared, (int)s[24 + g] + t);
        Return(lane, slot);
        return result;
    }

    /// <summary>
    /// The same with every matrix transposed (ldmatrix.x4.trans): thread 4 g + t gets of each the values in column g of rows 2 t (low half) and 2 t + 1.
    /// </summary>
    /// <param name="shared">Element 0 of the shared memory.</param>
    /// <param name="word">First word of this thread's row, a multiple of 4.</param>
    [IntrinsicImplementation]
    public static U4 LoadMatricesTransposed(ref uint shared, int word)
    {
        int lane = Warp.LaneIdx, slot = Rent(lane), g = lane >> 2, row = 2 * (lane & 3);
        uint[] s = Exchange[slot];
        s[lane] = (uint)word;
        Warp.Barrier();
        U4 result;
        result.X = Column(ref shared, s, row, g);
        result.Y = Column(ref shared, s, 8 + row, g);
        result.Z = Column(ref shared, s, 16 + row, g);
        result.W = Column(ref shared, s, 24 + row, g);
        Return(lane, slot);
        return result;
    }

    /// <summary>Begins to copy 16 bytes from global to shared memory, past the registers (cp.async.cg). Both at multiples of 16 bytes.</summary>
    [IntrinsicImplementation]
    public static void CopyAsync(ref uint shared, int word, ref uint global, int from)
    {
        for (int i = 0; i < 4; i++)
            Unsafe.Add(ref shared, word + i) = Unsafe.Add(ref global, from + i);
    }

    /// <summary>Ends a group of copies (cp.async.commit_group); it may be empty.</summary>
    [IntrinsicImplementation]
    public static void Commit()
    {
    }

    /// <summary>Waits until this thread's copies are done, but for those of the last group (cp.async.wait_group 1).</summary>
    [IntrinsicImplementation]
    public static void WaitAllButOne()
    {
    }

    /// <summary>Two floats as bf16, rounded to nearest, ties to even: low in the low half (cvt.rn.bf16x2.f32).</summary>
    [IntrinsicImplementation]
    public static uint Pack(float low, float high) => Pair(low, high, MatrixPrecision.Bf16);

    /// <summary>Two floats as fp16, likewise (cvt.rn.f16x2.f32).</summary>
    [IntrinsicImplementation]
    public static uint PackFp16(float low, float high) => Pair(low, high, MatrixPrecision.Fp16);

    /// <summary>A float as tf32: 10 bits of mantissa, rounded to nearest, ties away from zero; the others are zero (cvt.rna.tf32.f32).</summary>
    [IntrinsicImplementation]
    public static uint PackTf32(float value) => float.IsNaN(value) ? 0x7fffe000 : (BitConverter.SingleToUInt32Bits(value) + 0x1000) & 0xffffe000;

    private static uint Pair(float low, float high, MatrixPrecision precision) => HalfFloats.Round(low, precision) | ((uint)HalfFloats.Round(high, precision) << 16);

    private static F4 Emulate(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1, Kind kind)
    {
        int lane = Warp.LaneIdx, slot = Rent(lane), g = lane >> 2, t = lane & 3, own = lane * Words;
        uint[] s = Exchange[slot];
        s[own] = a0;
        s[own + 1] = a1;
        s[own + 2] = a2;
        s[own + 3] = a3;
        s[own + 4] = b0;
        s[own + 5] = b1;
        Warp.Barrier();
        for (int k = 0; k < 4; k++)
        {
            int a = (4 * g + k) * Words, left = (8 * t + k) * Words + 4, right = (8 * t + 4 + k) * Words + 4;
            c.X += Dot(s[a], s[left], kind) + Dot(s[a + 2], s[left + 1], kind);
            c.Y += Dot(s[a], s[right], kind) + Dot(s[a + 2], s[right + 1], kind);
            c.Z += Dot(s[a + 1], s[left], kind) + Dot(s[a + 3], s[left + 1], kind);
            c.W += Dot(s[a + 1], s[right], kind) + Dot(s[a + 3], s[right + 1], kind);
        }
        Return(lane, slot);
        return c;
    }

    private static uint Column(ref uint shared, uint[] rows, int row, int g) => Half(ref shared, rows[row], g) | (Half(ref shared, rows[row + 1], g) << 16);

    private static uint Half(ref uint shared, uint word, int column) => (Unsafe.Add(ref shared, (int)word + (column >> 1)) >> (16 * (column & 1))) & 0xffff;

    private static float Dot(uint a, uint b, Kind kind) => kind switch
    {
        Kind.Fp16 => LowFp16(a) * LowFp16(b) + LowFp16(a >> 16) * LowFp16(b >> 16),
        Kind.Bf16 => Low(a) * Low(b) + High(a) * High(b),
        _ => BitConverter.UInt32BitsToSingle(a) * BitConverter.UInt32BitsToSingle(b),
    };

    private static float LowFp16(uint pair) => (float)BitConverter.UInt16BitsToHalf((ushort)pair);

    private static float Low(uint pair) => BitConverter.UInt32BitsToSingle(pair << 16);

    private static float High(uint pair) => BitConverter.UInt32BitsToSingle(pair & 0xffff0000);

    // The first thread rents a buffer for the warp. Warps of several groups and devices may be inside at once.
    private static int Rent(int lane)
    {
        int slot = 0;
        if (lane == 0 && !Free.TryTake(out slot))
        {
            slot = Interlocked.Increment(ref rented);
            Exchange[slot] = new uint[Lanes * Words];
        }
        return Warp.Shuffle(slot, 0);
    }

    private static void Return(int lane, int slot)
    {
        Warp.Barrier();
        if (lane == 0)
            Free.Add(slot);
    }
}
