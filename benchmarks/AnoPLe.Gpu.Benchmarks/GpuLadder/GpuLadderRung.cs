using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Ilgpu;
using ILGPU;
using ILGPU.Runtime;

namespace AnoPLe.Gpu.Benchmarks.GpuLadder;

/// <summary>One way to compute the product.</summary>
/// <param name="Id">Number in the page.</param>
/// <param name="Idea">What is new.</param>
/// <param name="Precision">fp32, or bf16 factors on tensor cores.</param>
/// <param name="Kernel">The kernel whose PTX is counted, as <see cref="PtxCompiler"/> names it.</param>
/// <param name="Prepare">Makes the call.</param>
internal sealed record GpuLadderRung(string Id, string Idea, MatrixPrecision Precision, string Kernel, Func<IlgpuBackend, GpuLadderProblem, Action> Prepare)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, ArrayView<float> x, ArrayView<float> w, ArrayView<float> bias, ArrayView<float> y, GpuLadderShape shape);

    /// <summary>All rungs, the slowest first.</summary>
    public static IReadOnlyList<GpuLadderRung> All { get; } =
    [
        Own("0", "a thread per output", MatrixPrecision.Fp32, GpuLadderKernels.Naive, GpuLadderKernels.Side, GpuLadderKernels.Side, new(GpuLadderKernels.Side, GpuLadderKernels.Side)),
        Own("1", "tiles in shared memory", MatrixPrecision.Fp32, GpuLadderKernels.Tiled, GpuLadderKernels.Side, GpuLadderKernels.Side, new(GpuLadderKernels.Side, GpuLadderKernels.Side)),
        Own("2", "16 sums in registers", MatrixPrecision.Fp32, GpuLadderKernels.Registers, GpuLadderKernels.RegisterSide, GpuLadderKernels.RegisterSide, new(GpuLadderKernels.Side, GpuLadderKernels.Side)),
        Shipped("3", "64 sums, 16 bytes at a time, two buffers: shipped", MatrixPrecision.Fp32, "Linear.ForwardKernel<Tile128, Gelu>"),
        Own("4", "tensor cores, a warp per 16 x 8", MatrixPrecision.Bf16, GpuLadderKernels.Warps, GpuLadderKernels.WarpRows, GpuLadderKernels.WarpColumns, new(32, 1)),
        Shipped("5", "tiles of 128, copies in flight: shipped", MatrixPrecision.Bf16, "TensorLinear.ForwardKernel<Gelu, Bf16, Floats>"),
    ];

    private static GpuLadderRung Own(string id, string idea, MatrixPrecision precision, Launched kernel, int rows, int columns, Index2D group) =>
        new(id, idea, precision, $"{nameof(GpuLadderKernels)}.{kernel.Method.Name}", (backend, problem) =>
        {
            var launch = backend.Load<Launch>(nameof(GpuLadder), kernel);
            KernelConfig config = new(new Index2D((problem.Shape.N + columns - 1) / columns, (problem.Shape.M + rows - 1) / rows), group);
            return () => launch(backend.Stream, config, problem.X.View(backend), problem.W.View(backend), problem.Bias.View(backend), problem.Y.View(backend), problem.Shape);
        });

    private static GpuLadderRung Shipped(string id, string idea, MatrixPrecision precision, string kernel) =>
        new(id, idea, precision, kernel, (backend, problem) => () => backend.Linear.Forward(problem.Y, problem.X, problem.Packed, Activation.Gelu));

    private delegate void Launched(ArrayView<float> x, ArrayView<float> w, ArrayView<float> bias, ArrayView<float> y, GpuLadderShape shape);
}
