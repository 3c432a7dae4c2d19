using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Rows into scratch through a copy with its borders reflected, then columns, a row of outputs at a time.</summary>
internal sealed unsafe class GaussianBlur<V, O>(CpuBackend backend) : Ops.GaussianBlur(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly AlongRowsJob alongRows = new(backend.Workspace);
    private readonly AlongColumnsJob alongColumns = new();
    private float[] weights = [];
    private float weightsSigma;

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Tensor scratch, float sigma)
    {
        if (weightsSigma != sigma)
        {
            weights = Weights(sigma);
            weightsSigma = sigma;
        }
        int height = x.Shape[1], width = x.Shape[2], radius = weights.Length - 1;
        backend.Workspace.Reserve(width + 2 * radius);
        alongRows.Y = alongColumns.X = scratch.Floats();
        alongRows.X = x.Floats();
        alongColumns.Y = y.Floats();
        alongRows.Weights = alongColumns.Weights = weights;
        alongColumns.Height = height;
        alongRows.SetRows(x.Rows, width, backend.Threads);
        alongColumns.SetRows(x.Rows, width, backend.Threads);
        backend.Run(alongRows, scratch, x);
        backend.Run(alongColumns, y, scratch);
    }

    /// <summary>Index i of an endlessly reflected axis of n: d c b a | a b c d | d c b a.</summary>
    private static int Reflect(int i, int n)
    {
        int m = i % (2 * n);
        m = m < 0 ? m + 2 * n : m;
        return m < n ? m : 2 * n - 1 - m;
    }

    private sealed class AlongRowsJob(Workspace workspace) : RowsJob
    {
        public float* Y, X;
        public float[] Weights = [];

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int W = Width, radius = Weights.Length - 1, c = 0;
            float* x = X + (nint)row * W, y = Y + (nint)row * W, padded = workspace.Of(worker), centre = padded + radius;
            for (int i = -radius; i < W + radius; i++)
                centre[i] = x[(uint)i < (uint)W ? i : Reflect(i, W)];
            for (; c <= W - O.N; c += O.N)
            {
                V sum = O.Multiply(O.Broadcast(Weights[0]), O.Load(centre + c));
                for (int i = 1; i <= radius; i++)
                    sum = O.MultiplyAdd(O.Broadcast(Weights[i]), O.Add(O.Load(centre + c - i), O.Load(centre + c + i)), sum);
                O.Store(sum, y + c);
            }
            for (; c < W; c++)
            {
                float sum = Weights[0] * centre[c];
                for (int i = 1; i <= radius; i++)
                    sum += Weights[i] * (centre[c - i] + centre[c + i]);
                y[c] = sum;
            }
        }
    }

    private sealed class AlongColumnsJob : RowsJob
    {
        public float* Y, X;
        public float[] Weights = [];
        public int Height;

        [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int W = Width, radius = Weights.Length - 1, h = row % Height, c = 0;
            float* map = X + (nint)(row - h) * W, y = Y + (nint)row * W;
            float** above = stackalloc float*[radius + 1], below = stackalloc float*[radius + 1];
            for (int i = 0; i <= radius; i++)
            {
                above[i] = map + (nint)Reflect(h - i, Height) * W;
                below[i] = map + (nint)Reflect(h + i, Height) * W;
            }
            for (; c <= W - O.N; c += O.N)
            {
                V sum = O.Multiply(O.Broadcast(Weights[0]), O.Load(above[0] + c));
                for (int i = 1; i <= radius; i++)
                    sum = O.MultiplyAdd(O.Broadcast(Weights[i]), O.Add(O.Load(above[i] + c), O.Load(below[i] + c)), sum);
                O.Store(sum, y + c);
            }
            for (; c < W; c++)
            {
                float sum = Weights[0] * above[0][c];
                for (int i = 1; i <= radius; i++)
                    sum += Weights[i] * (above[i][c] + below[i][c]);
                y[c] = sum;
            }
        }
    }
}
