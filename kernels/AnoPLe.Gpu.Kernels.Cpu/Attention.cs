using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// One task per sequence and head (and part of the queries when there are few heads): keys and values are packed into panels, then a
/// tile of queries at a time is multiplied with all keys, turned into weights while in cache, and multiplied with all values. The backward
/// recomputes the weights and takes a whole head per task.
/// </summary>
internal sealed unsafe class Attention<V, O>(CpuBackend backend) : Ops.Attention(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly AttentionJob<V, O> forward = new(backend.Workspace);
    private readonly AttentionBackwardJob<V, O> backward = new(backend.Workspace);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor qkv, int heads, bool causal, Tensor? logSumExp)
    {
        forward.Y = y.Floats();
        forward.Qkv = qkv.Floats();
        forward.LogSumExp = logSumExp.FloatsOrNull();
        forward.IsCausal = causal;
        forward.SetSizes(qkv.Shape[0], qkv.Shape[1], y.Width, heads, backend.Threads);
        backend.Workspace.Reserve(forward.WorkspaceSize);
        backend.Run(forward, y, qkv, logSumExp);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dqkv, Tensor dy, Tensor qkv, Tensor y, Tensor logSumExp, int heads, bool causal)
    {
        backward.DQkv = dqkv.Floats();
        backward.DY = dy.Floats();
        backward.Qkv = qkv.Floats();
        backward.Y = y.Floats();
        backward.LogSumExp = logSumExp.Floats();
        backward.IsCausal = causal;
        backward.SetSizes(qkv.Shape[0], qkv.Shape[1], y.Width, heads);
        backend.Workspace.Reserve(backward.WorkspaceSize);
        backend.Run(backward, dqkv, dy, qkv, y, logSumExp);
    }
}
