using System.Reflection;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One kernel as CUDA's driver would receive it.</summary>
/// <param name="Name">Operation, kernel and type arguments.</param>
/// <param name="Hot">Whether it is marked as one in which most of the time is spent.</param>
/// <param name="Tensor">Whether it computes on tensor cores.</param>
/// <param name="Ptx">The PTX assembly text.</param>
internal sealed record PtxKernel(string Name, bool Hot, bool Tensor, string Ptx);

/// <summary>
/// Compiles kernels to PTX for sm_80, the newest architecture that ILGPU emits, without a GPU or a driver. It uses a context of its own,
/// so that a kernel that does not compile leaves the process's devices usable.
/// </summary>
internal static class PtxCompiler
{
    private const BindingFlags AnyStatic = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>Every kernel of an assembly (null for this one), found by <see cref="KernelAttribute"/>, in order of name.</summary>
    public static IEnumerable<(string Name, bool Hot, bool Tensor, MethodInfo Method)> Kernels(Assembly? assembly = null)
        => from type in (assembly ?? typeof(PtxCompiler).Assembly).GetTypes().OrderBy(t => t.Name, StringComparer.Ordinal)
           from method in type.GetMethods(AnyStatic).OrderBy(m => m.Name, StringComparer.Ordinal)
           from kernel in method.GetCustomAttributes<KernelAttribute>()
           let arguments = kernel.TypeArguments
           select ($"{type.Name}.{method.Name}{(arguments.Length == 0 ? "" : $"<{string.Join(", ", arguments.Select(a => a.Name))}>")}", kernel.Hot, kernel.Tensor,
               arguments.Length == 0 ? method : method.MakeGenericMethod(arguments));

    /// <summary>The PTX of every kernel.</summary>
    public static IReadOnlyList<PtxKernel> CompileAll() => Compile(_ => true);

    /// <summary>The PTX of the kernels whose name is wanted.</summary>
    public static IReadOnlyList<PtxKernel> Compile(Predicate<string> wanted, Assembly? assembly = null)
    {
        // A context needs a device of some kind; nothing runs on this one.
        using var context = Context.Create(builder => builder.CPU().EnableAlgorithms().EnableLocalBarrier().EnableTensorCores().Optimize(OptimizationLevel.O2));
        using var ptx = new PTXBackend(context, new CudaCapabilityContext(CudaArchitecture.SM_80), CudaArchitecture.SM_80, CudaInstructionSet.ISA_70,
            null);
        List<PtxKernel> compiled = [];
        foreach (var (name, hot, tensor, method) in Kernels(assembly).Where(kernel => wanted(kernel.Name)))
        {
            var kernel = (PTXCompiledKernel)ptx.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(method), default);
            compiled.Add(new(name, hot, tensor, kernel.PTXAssembly));
        }
        return compiled;
    }
}
