using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Managed SIMD on this machine's processor: no native library, every machine has it. Vectors are as wide as the processor likes them
/// (512, 256 or 128 bits); threads are its own. Operations have finished when they return. All computing is fp32; the weights of linear
/// layers may be kept in bf16, which halves their memory and rounds them (relative error at most 2^-8).
/// </summary>
/// <remarks>
/// Used by one thread at a time; several backends may work side by side, each with its own threads. The same inputs give the same bits
/// on the same processor, whatever the number of threads. After the first call with the largest sizes, operations allocate nothing.
/// </remarks>
public sealed class CpuBackend : Backend
{
    /// <summary>Most threads that can be asked for.</summary>
    public const int MaxThreads = 1024;

    private readonly ForkJoinPool pool;
    private readonly List<Workspace> workspaces = [];
    private readonly Operations operations;
    private readonly CopyJob copy = new();
    private readonly ClearJob clear = new();
    private int running;

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">Threads that compute, the caller's included; 0 for the processors this process may use.</param>
    /// <param name="precision">What the weights of linear layers are kept in: fp32 or bf16.</param>
    /// <exception cref="ArgumentException">A negative number of threads, or more than <see cref="MaxThreads"/>.</exception>
    /// <exception cref="DeviceException">Another precision.</exception>
    public CpuBackend(int threads = 0, MatrixPrecision precision = MatrixPrecision.Fp32)
    {
        if (precision is not (MatrixPrecision.Fp32 or MatrixPrecision.Bf16))
            throw new DeviceException($"The processor keeps weights in fp32 or bf16, not in {precision.ToString().ToLowerInvariant()}. Use cpu, cpu/bf16, or a CUDA device with tensor cores.");
        MatrixPrecision = precision;
        Device = Describe(threads, precision);
        Threads = ThreadCount(threads);
        pool = new ForkJoinPool(Threads);
        Workspace = CreateWorkspace(Threads);
        operations = InstructionSet.Bits switch
        {
            512 => Operations.Create<Vector512<float>, Simd512>(this),
            256 => Operations.Create<Vector256<float>, Simd256>(this),
            128 => Operations.Create<Vector128<float>, Simd128>(this),
            _ => Operations.Create<float, SimdScalar>(this),
        };
    }

    /// <summary>Threads that compute, the caller's included.</summary>
    public int Threads { get; }

    /// <inheritdoc/>
    public override DeviceInfo Device { get; }

    /// <inheritdoc/>
    public override string Precision => Name(MatrixPrecision);

    /// <inheritdoc/>
    public override MatrixPrecision MatrixPrecision { get; }

    /// <inheritdoc/>
    public override Ops.ImageResize ImageResize => operations.ImageResize;

    /// <inheritdoc/>
    public override Ops.PatchEmbedding PatchEmbedding => operations.PatchEmbedding;

    /// <inheritdoc/>
    public override Ops.TokenInjection TokenInjection => operations.TokenInjection;

    /// <inheritdoc/>
    public override Ops.RowGather RowGather => operations.RowGather;

    /// <inheritdoc/>
    public override Ops.LayerNorm LayerNorm => operations.LayerNorm;

    /// <inheritdoc/>
    public override Ops.Linear Linear => operations.Linear;

    /// <inheritdoc/>
    public override Ops.Attention Attention => operations.Attention;

    /// <inheritdoc/>
    public override Ops.L2Normalize L2Normalize => operations.L2Normalize;

    /// <inheritdoc/>
    public override Ops.CosineLogits CosineLogits => operations.CosineLogits;

    /// <inheritdoc/>
    public override Ops.MemoryBankDistance MemoryBankDistance => operations.MemoryBankDistance;

    /// <inheritdoc/>
    public override Ops.BilinearUpsample BilinearUpsample => operations.BilinearUpsample;

    /// <inheritdoc/>
    public override Ops.GaussianBlur GaussianBlur => operations.GaussianBlur;

    /// <inheritdoc/>
    public override Ops.ElementwiseActivation ElementwiseActivation => operations.ElementwiseActivation;

    /// <inheritdoc/>
    public override Ops.TransposedConv2x2 TransposedConv2x2 => operations.TransposedConv2x2;

    /// <inheritdoc/>
    public override Ops.ViewSignal ViewSignal => operations.ViewSignal;

    /// <inheritdoc/>
    public override Ops.LatentNoise LatentNoise => operations.LatentNoise;

    /// <inheritdoc/>
    public override Ops.Dice Dice => operations.Dice;

    /// <inheritdoc/>
    public override Ops.Focal Focal => operations.Focal;

    /// <inheritdoc/>
    public override Ops.CrossEntropy CrossEntropy => operations.CrossEntropy;

    /// <inheritdoc/>
    public override Ops.Alignment Alignment => operations.Alignment;

    /// <inheritdoc/>
    public override Ops.AdamW AdamW => operations.AdamW;

    /// <inheritdoc/>
    public override Ops.SquaredNorm SquaredNorm => operations.SquaredNorm;

    /// <inheritdoc/>
    public override Ops.FusedScore FusedScore => operations.FusedScore;

    /// <summary>Scratch memory of each thread, shared by the operations, because only one runs at a time.</summary>
    internal Workspace Workspace { get; }

    /// <summary>The processor as a device: its name, memory, vector width and threads.</summary>
    /// <param name="threads">As the constructor's.</param>
    /// <param name="precision">As the constructor's.</param>
    /// <exception cref="ArgumentException">A negative number of threads, or more than <see cref="MaxThreads"/>.</exception>
    public static DeviceInfo Describe(int threads = 0, MatrixPrecision precision = MatrixPrecision.Fp32)
    {
        int count = ThreadCount(threads);
        return new("cpu", DeviceKind.Cpu, ProcessorName.Read(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            $"{InstructionSet.Description}, {count} {(count == 1 ? "thread" : "threads")}, {Name(precision)}, " +
            $"{RuntimeInformation.FrameworkDescription} {RuntimeInformation.ProcessArchitecture}", IsGpu: false);
    }

    /// <inheritdoc/>
    public override Tensor Allocate(string name, Shape shape, ElementType type = ElementType.F32)
    {
        Require.That(type != ElementType.Half, $"'{name}' {shape} of 16-bit floats needs a GPU in bf16 or fp16; the processor computes in fp32.");
        return new CpuTensor(this, name, shape, type);
    }

    /// <inheritdoc/>
    protected override void WriteCore(Tensor tensor, ReadOnlySpan<byte> source)
    {
        source.CopyTo(tensor.Bytes());
        GC.KeepAlive(tensor);
    }

    /// <inheritdoc/>
    protected override void ReadCore(Tensor tensor, Span<byte> destination)
    {
        ReadOnlySpan<byte> bytes = tensor.Bytes();
        bytes.CopyTo(destination);
        GC.KeepAlive(tensor);
    }

    /// <inheritdoc/>
    protected override unsafe void CopyCore(Tensor target, Tensor source)
    {
        copy.Target = target.Floats();
        copy.Source = source.Floats();
        copy.SetElements(target.Count, cost: 2, Threads);
        Run(copy, target, source);
    }

    /// <inheritdoc/>
    protected override unsafe void ClearCore(Tensor tensor)
    {
        clear.Target = tensor.Floats();
        clear.SetElements(tensor.Count, cost: 1, Threads);
        Run(clear, tensor);
    }

    /// <summary>Returns at once: operations have finished when they return.</summary>
    public override void Synchronize()
    {
    }

    /// <summary>Scratch memory that lives as long as the backend.</summary>
    internal Workspace CreateWorkspace(int blocks)
    {
        var workspace = new Workspace(blocks);
        workspaces.Add(workspace);
        return workspace;
    }

    /// <summary>Does a job on all threads. Keeps the operands alive meanwhile: the job only knows their addresses.</summary>
    /// <exception cref="InvalidOperationException">Another thread is using this backend.</exception>
    /// <exception cref="ObjectDisposedException">The backend was disposed.</exception>
    internal void Run(Job job, params ReadOnlySpan<object?> operands)
    {
        if (Interlocked.Exchange(ref running, 1) != 0)
            throw new InvalidOperationException("Two threads used one CpuBackend at once. Serialise them, or give each its own backend.");
        try
        {
            pool.Run(job);
        }
        finally
        {
            Volatile.Write(ref running, 0);
        }
        foreach (object? operand in operands)
            GC.KeepAlive(operand);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        pool.Dispose();
        foreach (var workspace in workspaces)
            workspace.Dispose();
    }

    private static string Name(MatrixPrecision precision) => precision == MatrixPrecision.Bf16 ? "bf16 weights of linear layers, fp32 elsewhere" : "fp32";

    private static int ThreadCount(int threads)
    {
        Require.That(threads is >= 0 and <= MaxThreads,
            $"{threads} threads were asked for, expected 1 to {MaxThreads}, or 0 for all processors of this process.");
        return threads == 0 ? Math.Min(Environment.ProcessorCount, MaxThreads) : threads;
    }

    /// <summary>The operations for one vector width.</summary>
    private sealed record Operations(
        Ops.ImageResize ImageResize, Ops.PatchEmbedding PatchEmbedding, Ops.TokenInjection TokenInjection, Ops.RowGather RowGather, Ops.LayerNorm LayerNorm,
        Ops.Linear Linear, Ops.Attention Attention, Ops.L2Normalize L2Normalize, Ops.CosineLogits CosineLogits,
        Ops.MemoryBankDistance MemoryBankDistance, Ops.BilinearUpsample BilinearUpsample, Ops.GaussianBlur GaussianBlur,
        Ops.ElementwiseActivation ElementwiseActivation, Ops.TransposedConv2x2 TransposedConv2x2, Ops.ViewSignal ViewSignal, Ops.LatentNoise LatentNoise,
        Ops.Dice Dice, Ops.Focal Focal, Ops.CrossEntropy CrossEntropy, Ops.Alignment Alignment, Ops.AdamW AdamW,
        Ops.SquaredNorm SquaredNorm, Ops.FusedScore FusedScore)
    {
        public static Operations Create<V, O>(CpuBackend backend)
            where V : unmanaged
            where O : struct, ISimd<V> => new(
                new ImageResize(backend),
                new PatchEmbedding<V, O>(backend),
                new TokenInjection<V, O>(backend),
                new RowGather<V, O>(backend),
                new LayerNorm<V, O>(backend),
                new Linear<V, O>(backend),
                new Attention<V, O>(backend),
                new L2Normalize<V, O>(backend),
                new CosineLogits<V, O>(backend),
                new MemoryBankDistance<V, O>(backend),
                new BilinearUpsample<V, O>(backend),
                new GaussianBlur<V, O>(backend),
                new ElementwiseActivation<V, O>(backend),
                new TransposedConv2x2<V, O>(backend),
                new ViewSignal<V, O>(backend),
                new LatentNoise<V, O>(backend),
                new Dice<V, O>(backend),
                new Focal<V, O>(backend),
                new CrossEntropy<V, O>(backend),
                new Alignment<V, O>(backend),
                new AdamW<V, O>(backend),
                new SquaredNorm<V, O>(backend),
                new FusedScore<V, O>(backend));
    }
}
