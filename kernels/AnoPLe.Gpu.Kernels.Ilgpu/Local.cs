using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// The barrier of every kernel here. ILGPU's own emits a fence for global memory only on OpenCL, which does not promise that other
/// threads see what was written to local (shared) memory. Kernels exchange values through shared memory and nothing else.
/// </summary>
internal static class Local
{
    /// <summary>Waits for the whole group; shared memory written before is visible after.</summary>
    [IntrinsicImplementation]
    public static void Barrier() => Group.Barrier();

    /// <summary>Tells the compilers of a context what to emit for <see cref="Barrier"/>.</summary>
    public static Context.Builder EnableLocalBarrier(this Context.Builder builder)
    {
        var manager = builder.GetIntrinsicManager();
        var barrier = typeof(Local).GetMethod(nameof(Barrier))!;
        manager.RegisterMethod(barrier, new PTXIntrinsic(typeof(Local), nameof(EmitPtx), IntrinsicImplementationMode.GenerateCode));
        manager.RegisterMethod(barrier, new CLIntrinsic(typeof(Local), nameof(EmitOpenCl), IntrinsicImplementationMode.GenerateCode));
        return builder;
    }

    private static void EmitPtx(PTXBackend backend, PTXCodeGenerator generator, Value value) => generator.Builder.AppendLine("\tbar.sync\t0;");

    private static void EmitOpenCl(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        generator.AppendIndent();
        generator.Builder.AppendLine("barrier(CLK_LOCAL_MEM_FENCE);");
    }
}
