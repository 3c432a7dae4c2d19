using System.Runtime.InteropServices;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Every operation on a CUDA or OpenCL device, or on ILGPU's simulator of one, in 32-bit floats.</summary>
/// <remarks>
/// Kernels are compiled when an operation is first used and kept. Operations are enqueued on one stream of their own; backends of one CUDA device share its context, so
/// detectors that shall run side by side have a backend each.
/// </remarks>
public sealed class IlgpuBackend : Backend
{
    /// <summary>Threads of the smallest tile; a device that cannot run them together is refused.</summary>
    internal const int MinGroup = 64;

    private readonly List<MemoryBuffer> scratch = [];
    private readonly Clear clear;
    private long bytesHeld;
    private bool disposed;

    private IlgpuBackend(DeviceInfo info, Device device, MatrixPrecision precision)
    {
        Device = info;
        MatrixPrecision = precision;
        Accelerator = IlgpuContext.Accelerators.Acquire(device);
        Stream = Accelerator.CreateStream();
        ImageResize = new ImageResize(this);
        PatchEmbedding = new PatchEmbedding(this);
        TokenInjection = new TokenInjection(this);
        RowGather = new RowGather(this);
        LayerNorm = new LayerNorm(this);
        Linear = new Linear(this);
        Attention = new Attention(this);
        L2Normalize = new L2Normalize(this);
        CosineLogits = new CosineLogits(this);
        MemoryBankDistance = new MemoryBankDistance(this);
        BilinearUpsample = new BilinearUpsample(this);
        GaussianBlur = new GaussianBlur(this);
        ElementwiseActivation = new ElementwiseActivation(this);
        TransposedConv2x2 = new TransposedConv2x2(this);
        ViewSignal = new ViewSignal(this);
        LatentNoise = new LatentNoise(this);
        Dice = new Dice(this);
        Focal = new Focal(this);
        CrossEntropy = new CrossEntropy(this);
        Alignment = new Alignment(this);
        AdamW = new AdamW(this);
        SquaredNorm = new SquaredNorm(this);
        FusedScore = new FusedScore(this);
        clear = new Clear(this);
    }

    /// <summary>Opens a device.</summary>
    /// <param name="id">"cuda:N", "opencl:N" or "simulator", as <see cref="Devices"/> lists them.</param>
    /// <param name="precision">What linear layers and attention compute in; tf32 is for linear layers alone. All but fp32 are a matter of tensor cores: CUDA devices from compute capability 8.0 on have them, and the simulator.</param>
    /// <exception cref="DeviceException">There is no such device, its driver refuses it, or it cannot compute in that precision.</exception>
    public static IlgpuBackend Open(string id, MatrixPrecision precision = MatrixPrecision.Fp32)
    {
        ArgumentNullException.ThrowIfNull(id);
        var found = All().FirstOrDefault(d => d.Info.Id == id);
        if (found.Device is null)
            throw new DeviceException(
                $"There is no device '{id}'. This machine has: {string.Join(", ", All().Select(d => $"{d.Info.Id} ({d.Info.Name})"))}, and cpu. " +
                "Choose one of these, or install the device's driver.");
        Require.That(found.Device.MaxNumThreadsPerGroup >= MinGroup,
            $"{id} ({found.Info.Name}) runs groups of {found.Device.MaxNumThreadsPerGroup} threads, the kernels need {MinGroup}. Use cpu.");
        if (precision != MatrixPrecision.Fp32 && !HasTensorCores(found.Device))
            throw new DeviceException($"{id} ({found.Info.Name}) has no tensor cores that compute in {precision.ToString().ToLowerInvariant()}. Use fp32, or a CUDA device of compute capability 8.0 or newer.");
        try
        {
            return new IlgpuBackend(found.Info, found.Device, precision);
        }
        catch (Exception e) when (e is AcceleratorException or NotSupportedException)
        {
            throw new DeviceException($"{id} ({found.Info.Name}) could not be opened: {e.Message} Check its driver, or use cpu.", e);
        }
    }

    /// <summary>Every device that can be opened: CUDA, then OpenCL, then the simulator. Never throws for a missing driver.</summary>
    public static IReadOnlyList<DeviceInfo> Devices()
    {
        try
        {
            return [.. All().Select(d => d.Info)];
        }
        catch (DeviceException)
        {
            return [];
        }
    }

    /// <inheritdoc/>
    public override DeviceInfo Device { get; }

    /// <inheritdoc/>
    public override string Precision => MatrixPrecision switch
    {
        MatrixPrecision.Fp32 => "fp32",
        MatrixPrecision.Tf32 => "tf32 linear layers with fp32 sums, fp32 elsewhere",
        _ => $"{MatrixPrecision.ToString().ToLowerInvariant()} linear layers and attention with fp32 sums, fp32 elsewhere",
    };

    /// <inheritdoc/>
    public override MatrixPrecision MatrixPrecision { get; }

    /// <inheritdoc/>
    public override ElementType ActivationType => MatrixPrecision is MatrixPrecision.Bf16 or MatrixPrecision.Fp16 ? ElementType.Half : ElementType.F32;

    /// <inheritdoc/>
    public override Ops.ImageResize ImageResize { get; }

    /// <inheritdoc/>
    public override Ops.PatchEmbedding PatchEmbedding { get; }

    /// <inheritdoc/>
    public override Ops.TokenInjection TokenInjection { get; }

    /// <inheritdoc/>
    public override Ops.RowGather RowGather { get; }

    /// <inheritdoc/>
    public override Ops.LayerNorm LayerNorm { get; }

    /// <inheritdoc/>
    public override Ops.Linear Linear { get; }

    /// <inheritdoc/>
    public override Ops.Attention Attention { get; }

    /// <inheritdoc/>
    public override Ops.L2Normalize L2Normalize { get; }

    /// <inheritdoc/>
    public override Ops.CosineLogits CosineLogits { get; }

    /// <inheritdoc/>
    public override Ops.MemoryBankDistance MemoryBankDistance { get; }

    /// <inheritdoc/>
    public override Ops.BilinearUpsample BilinearUpsample { get; }

    /// <inheritdoc/>
    public override Ops.GaussianBlur GaussianBlur { get; }

    /// <inheritdoc/>
    public override Ops.ElementwiseActivation ElementwiseActivation { get; }

    /// <inheritdoc/>
    public override Ops.TransposedConv2x2 TransposedConv2x2 { get; }

    /// <inheritdoc/>
    public override Ops.ViewSignal ViewSignal { get; }

    /// <inheritdoc/>
    public override Ops.LatentNoise LatentNoise { get; }

    /// <inheritdoc/>
    public override Ops.Dice Dice { get; }

    /// <inheritdoc/>
    public override Ops.Focal Focal { get; }

    /// <inheritdoc/>
    public override Ops.CrossEntropy CrossEntropy { get; }

    /// <inheritdoc/>
    public override Ops.Alignment Alignment { get; }

    /// <inheritdoc/>
    public override Ops.AdamW AdamW { get; }

    /// <inheritdoc/>
    public override Ops.SquaredNorm SquaredNorm { get; }

    /// <inheritdoc/>
    public override Ops.FusedScore FusedScore { get; }

    /// <summary>The device.</summary>
    internal Accelerator Accelerator { get; }

    /// <summary>Where everything is enqueued; not the default stream, which synchronises with every other one on CUDA.</summary>
    internal AcceleratorStream Stream { get; }

    /// <inheritdoc/>
    public override Tensor Allocate(string name, Shape shape, ElementType type = ElementType.F32)
    {
        Require.That(type != ElementType.Half || ActivationType == ElementType.Half, $"'{name}' {shape} of 16-bit floats needs a device in bf16 or fp16; {Device.Id} computes in {MatrixPrecision.ToString().ToLowerInvariant()}.");
        return new IlgpuTensor(this, name, shape, type, AllocateBuffer(name, IlgpuTensor.Words(shape, type)));
    }

    /// <summary>Buffers taken from the device so far. Operations in their steady state leave it as it is.</summary>
    internal int BuffersTaken { get; private set; }

    /// <summary>Device memory for so many floats; give it back with <see cref="Free"/>.</summary>
    /// <exception cref="DeviceException">Not enough memory.</exception>
    internal MemoryBuffer1D<float, Stride1D.Dense> AllocateBuffer(string name, long count)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        long bytes = count * sizeof(float);
        // OpenCL drivers grant memory when it is first touched, too late for an exception; so what we hold is counted.
        if (Device.MemoryBytes > 0 && bytesHeld + bytes > Device.MemoryBytes)
            throw NoRoom(name, bytes, $"{bytesHeld >> 20} MiB are taken already.", null);
        try
        {
            var buffer = Accelerator.Allocate1D<float>(count);
            bytesHeld += bytes;
            BuffersTaken++;
            return buffer;
        }
        catch (Exception e) when (e is AcceleratorException or OutOfMemoryException)
        {
            throw NoRoom(name, bytes, e.Message, e);
        }
    }

    /// <summary>Gives a buffer back.</summary>
    internal void Free(MemoryBuffer1D<float, Stride1D.Dense> buffer)
    {
        bytesHeld -= buffer.Length * sizeof(float);
        buffer.Dispose();
    }

    private DeviceException NoRoom(string name, long bytes, string reason, Exception? cause)
        => new($"{Device.Id} ({Device.Name}) has no room for '{name}', {bytes / 1048576.0:0.0} MiB of {Device.MemoryBytes >> 20} MiB: {reason} " +
            "Use a smaller batch, close what else uses the device, or use cpu.", cause!);

    /// <summary>
    /// Memory an operation keeps between calls, grown when a call needs more; the old one is freed when nothing uses it any more.
    /// </summary>
    internal View Scratch(ref MemoryBuffer1D<float, Stride1D.Dense>? buffer, string name, int count)
    {
        if (buffer is null || buffer.Length < count)
        {
            var larger = AllocateBuffer(name, count);
            scratch.Add(larger);
            if (buffer is not null)
            {
                Synchronize();
                scratch.Remove(buffer);
                Free(buffer);
            }
            buffer = larger;
        }
        return buffer.View.SubView(0, count);
    }

    /// <summary>Compiles a kernel for this device.</summary>
    /// <typeparam name="T">Launcher: Action of stream, <see cref="KernelConfig"/> and the kernel's parameters.</typeparam>
    /// <param name="operation">What the kernel is for; named when it does not compile.</param>
    /// <param name="kernel">A static method marked with <see cref="KernelAttribute"/>.</param>
    /// <exception cref="DeviceException">The kernel does not compile; ILGPU's context is unusable after that.</exception>
    internal T Load<T>(string operation, Delegate kernel)
        where T : Delegate
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var method = kernel.Method;
        if (!method.IsDefined(typeof(KernelAttribute), false))
            throw new InvalidOperationException($"{method.DeclaringType?.Name}.{method.Name} is not marked as a kernel.");
        try
        {
            return Accelerator.LoadKernel(method).CreateLauncherDelegate<T>();
        }
        catch (Exception e)
        {
            throw new DeviceException(
                $"The kernel {method.Name} of {operation} did not compile for {Device.Id} ({Device.Name}): {e.GetBaseException().Message} " +
                "No ILGPU device can be used by this process any more; restart it with cpu.", e);
        }
    }

    /// <inheritdoc/>
    protected override void WriteCore(Tensor tensor, ReadOnlySpan<byte> source)
    {
        var memory = Views.Of(tensor, this).Memory;
        try
        {
            memory.CopyFromCPU(Stream, MemoryMarshal.Cast<byte, float>(source));
            Stream.Synchronize();
        }
        catch (AcceleratorException e)
        {
            throw Failed($"writing '{tensor.Name}'", e);
        }
    }

    /// <inheritdoc/>
    protected override void ReadCore(Tensor tensor, Span<byte> destination)
    {
        var memory = Views.Of(tensor, this).Memory;
        try
        {
            memory.CopyToCPU(Stream, MemoryMarshal.Cast<byte, float>(destination));
            Stream.Synchronize();
        }
        catch (AcceleratorException e)
        {
            throw Failed($"reading '{tensor.Name}'", e);
        }
    }

    /// <inheritdoc/>
    protected override void CopyCore(Tensor target, Tensor source)
    {
        View to = Views.Of(target, this).Memory, from = Views.Of(source, this).Memory;
        try
        {
            from.CopyTo(Stream, to);
        }
        catch (AcceleratorException e)
        {
            throw Failed($"copying '{source.Name}'", e);
        }
    }

    /// <inheritdoc/>
    protected override void ClearCore(Tensor tensor) => clear.Run(tensor);

    /// <inheritdoc/>
    public override void Synchronize()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        try
        {
            Stream.Synchronize();
        }
        catch (AcceleratorException e)
        {
            throw Failed("waiting for its operations", e);
        }
    }

    // A launch only enqueues, so what goes wrong on the device is reported by whoever waits for it next.
    private DeviceException Failed(string doing, AcceleratorException e)
        => new($"{Device.Id} ({Device.Name}) failed while {doing}, in this or an operation before it: {e.Message} " +
            "Open the device again; if it fails again, use cpu.", e);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing || disposed)
            return;
        disposed = true;
        foreach (var buffer in scratch)
            buffer.Dispose();
        Stream.Dispose();
        IlgpuContext.Accelerators.Release(Accelerator);
    }

    private static bool HasTensorCores(Device device) => device switch
    {
        CudaDevice cuda => cuda.Architecture is { } architecture && architecture >= CudaArchitecture.SM_80,
        CPUDevice simulator => simulator.WarpSize == 32,
        _ => false,
    };

    private static IReadOnlyList<(DeviceInfo Info, Device Device)> All()
    {
        try
        {
            return IlgpuContext.Devices;
        }
        catch (TypeInitializationException e)
        {
            throw new DeviceException($"ILGPU could not start: {e.GetBaseException().Message} Use cpu.", e);
        }
    }
}
