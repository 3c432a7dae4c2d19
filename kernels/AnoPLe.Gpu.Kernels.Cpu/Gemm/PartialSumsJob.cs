using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>target += part 0 + part 1 + …, element by element: the second half of a sum over rows that was cut into parts.</summary>
internal sealed unsafe class PartialSumsJob<V, O> : Job
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private float* target, parts;
    private nint stride;
    private int count, partCount, perTask;

    /// <summary>Takes the arguments of one call; the parts are <paramref name="distance"/> apart.</summary>
    public void Set(float* sums, int length, float* first, int number, nint distance, int threads)
    {
        target = sums;
        parts = first;
        (count, partCount, stride) = (length, number, distance);
        perTask = RowsPerTask(count, 4L * number, threads);
        perTask = (perTask + 15) / 16 * 16; // whole cache lines, or two threads would share some
        Tasks = (count + perTask - 1) / perTask;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, int worker)
    {
        int i = task * perTask, end = Math.Min(count, i + perTask);
        for (; i <= end - O.N; i += O.N)
        {
            float* p = parts + i;
            V sum = O.Load(p);
            for (int part = 1; part < partCount; part++)
            {
                p += stride;
                sum = O.Add(sum, O.Load(p));
            }
            O.Store(O.Add(O.Load(target + i), sum), target + i);
        }
        for (; i < end; i++)
        {
            float sum = parts[i];
            for (int part = 1; part < partCount; part++)
                sum += parts[part * stride + i];
            target[i] += sum;
        }
    }
}
