using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Blocks of patches are laid out as rows in a thread's workspace and multiplied from there, onto rows that already hold the positions.
/// The layout of all patches is never stored.
/// </summary>
internal sealed unsafe class PatchEmbedding<V, O>(CpuBackend backend) : Ops.PatchEmbedding(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new(backend.Workspace);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor x, Tensor images, Ops.PackedLinear weight, Tensor classEmbedding, Tensor positions, int patch)
    {
        forward.X = x.Floats();
        forward.Images = images.Floats();
        forward.Weight = weight.Panels();
        forward.ClassEmbedding = classEmbedding.Floats();
        forward.Positions = positions.Floats();
        forward.Patch = patch;
        forward.Size = images.Shape[2];
        forward.Tokens = x.Shape[1];
        forward.Cut(images.Shape[0], backend.Threads);
        backend.Workspace.Reserve(forward.WorkspaceSize);
        backend.Run(forward, x, images, weight, classEmbedding, positions);
        forward.Weight = null!;
    }

    private sealed class ForwardJob(Workspace workspace) : Job
    {
        public float* X, Images, ClassEmbedding, Positions;
        public PackedPanels Weight = null!;
        public int Patch, Size, Tokens;
        private int blocks, patchesPerBlock;

        private int Grid => Size / Patch;

        // A cache line more than a patch: 3 p^2 + 16 is never a multiple of 1024, so the product reads the rows in place.
        private nint RowLength => 3 * Patch * Patch + 16;

        public long WorkspaceSize => (long)patchesPerBlock * RowLength;

        /// <summary>Blocks of whole tiles that fit a cache, at least four a thread when there is enough to do.</summary>
        public void Cut(int batch, int threads)
        {
            const int WorkspaceFloats = 1 << 18; // 1 MiB
            int patches = Grid * Grid, tallest = MicroKernels<V, O>.MaxRows;
            int largest = (int)Math.Max(tallest, Math.Min(Gemm<V, O>.RowBlock, WorkspaceFloats / RowLength));
            int wanted = threads == 1 ? 1 : (4 * threads + batch - 1) / batch;
            blocks = Math.Max((patches + largest - 1) / largest, Math.Min(wanted, (patches + 2 * tallest - 1) / (2 * tallest)));
            patchesPerBlock = ((patches + blocks - 1) / blocks + tallest - 1) / tallest * tallest;
            blocks = (patches + patchesPerBlock - 1) / patchesPerBlock;
            Tasks = batch * blocks;
        }

        public override void Run(int task, int worker)
        {
            int image = task / blocks, first = task % blocks * patchesPerBlock, C = Weight.OutFeatures;
            int count = Math.Min(patchesPerBlock, Grid * Grid - first);
            float* rows = workspace.Of(worker), sequence = X + (nint)image * Tokens * C;
            if (first == 0)
                for (int c = 0; c < C; c++)
                    sequence[c] = ClassEmbedding[c] + Positions[c];
            float* target = sequence + (nint)(1 + first) * C;
            Buffer.MemoryCopy(Positions + (nint)(1 + first) * C, target, sizeof(float) * (long)count * C, sizeof(float) * (long)count * C);
            for (int i = 0; i < count; i++)
                CopyPatch(image, first + i, rows + i * RowLength);
            var product = new Product
            {
                A = rows,
                Lda = RowLength,
                B = Weight.Panels,
                IsRounded = Weight.Precision == MatrixPrecision.Bf16,
                C = target,
                Ldc = C,
                K = Weight.InFeatures,
                N = C,
                Accumulate = true,
            };
            Gemm<V, O>.Block(product, 0, count, 0, Weight.Count, scratch: null);
        }

        /// <summary>One patch as a row: channel, row, column.</summary>
        private void CopyPatch(int image, int patch, float* row)
        {
            int p = Patch, y = patch / Grid * p, x = patch % Grid * p;
            for (int channel = 0; channel < 3; channel++)
                for (int r = 0; r < p; r++, row += p)
                {
                    float* source = Images + (((nint)image * 3 + channel) * Size + y + r) * Size + x;
                    new ReadOnlySpan<float>(source, p).CopyTo(new Span<float>(row, p));
                }
        }
    }
}
