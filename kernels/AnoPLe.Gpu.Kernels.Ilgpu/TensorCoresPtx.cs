using System.Reflection;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Types;
using ILGPU.IR.Values;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>What CUDA gets for each function of <see cref="TensorCores"/>: a method here has the name of the function there.</summary>
internal static class TensorCoresPtx
{
    /// <summary>Tells a context's PTX compiler about them.</summary>
    public static Context.Builder EnableTensorCores(this Context.Builder builder)
    {
        var manager = builder.GetIntrinsicManager();
        foreach (MethodInfo function in typeof(TensorCores).GetMethods(BindingFlags.Static | BindingFlags.Public).Where(m => m.IsDefined(typeof(IntrinsicImplementationAttribute))))
            manager.RegisterMethod(function, new PTXIntrinsic(typeof(TensorCoresPtx), function.Name, IntrinsicImplementationMode.GenerateCode));
        return builder;
    }

    private static void MultiplyAdd(PTXBackend backend, PTXCodeGenerator generator, Value value) => EmitProduct(generator, value, 16, "bf16");

    private static void MultiplyAddFp16(PTXBackend backend, PTXCodeGenerator generator, Value value) => EmitProduct(generator, value, 16, "f16");

    private static void MultiplyAddTf32(PTXBackend backend, PTXCodeGenerator generator, Value value) => EmitProduct(generator, value, 8, "tf32");

    private static void EmitProduct(PTXCodeGenerator generator, Value value, int inner, string type)
    {
        var call = (MethodCall)value;
        string c = Registers(generator, generator.Load(call[0]));
        string[] ab = [.. Enumerable.Range(1, 6).Select(i => Argument(generator, call, i))];
        string d = Registers(generator, generator.Allocate(value));
        Line(generator, $"mma.sync.aligned.m16n8k{inner}.row.col.f32.{type}.{type}.f32 {{{d}}}, {{{string.Join(", ", ab[..4])}}}, {{{string.Join(", ", ab[4..])}}}, {{{c}}};");
    }

    private static void LoadMatrices(PTXBackend backend, PTXCodeGenerator generator, Value value) => EmitLoad(generator, value, "");

    private static void LoadMatricesTransposed(PTXBackend backend, PTXCodeGenerator generator, Value value) => EmitLoad(generator, value, ".trans");

    private static void EmitLoad(PTXCodeGenerator generator, Value value, string transposed)
    {
        var call = (MethodCall)value;
        string address = Address(generator, call, 0, MemoryAddressSpace.Shared, "shared", "a"), word = Argument(generator, call, 1), d = Registers(generator, generator.Allocate(value));
        Line(generator, $"{{ .reg .u64 a, o; {address} mul.wide.s32 o, {word}, 4; add.u64 a, a, o; ldmatrix.sync.aligned.m8n8.x4{transposed}.shared.b16 {{{d}}}, [a]; }}");
    }

    private static void CopyAsync(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        string shared = Address(generator, call, 0, MemoryAddressSpace.Shared, "shared", "a"), word = Argument(generator, call, 1);
        string global = Address(generator, call, 2, MemoryAddressSpace.Global, "global", "g"), from = Argument(generator, call, 3);
        Line(generator, $"{{ .reg .u64 a, g, o; {shared} mul.wide.s32 o, {word}, 4; add.u64 a, a, o; {global} mul.wide.s32 o, {from}, 4; add.u64 g, g, o; cp.async.cg.shared.global [a], [g], 16; }}");
    }

    private static void Commit(PTXBackend backend, PTXCodeGenerator generator, Value value) => Line(generator, "cp.async.commit_group;");

    private static void WaitAllButOne(PTXBackend backend, PTXCodeGenerator generator, Value value) => Line(generator, "cp.async.wait_group 1;");

    // The instruction names the high half first.
    private static void Pack(PTXBackend backend, PTXCodeGenerator generator, Value value) => EmitPack(generator, value, "bf16x2");

    private static void PackFp16(PTXBackend backend, PTXCodeGenerator generator, Value value) => EmitPack(generator, value, "f16x2");

    private static void PackTf32(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        string argument = Argument(generator, call, 0);
        Line(generator, $"cvt.rna.tf32.f32 {Registers(generator, generator.Allocate(value))}, {argument};");
    }

    private static void EmitPack(PTXCodeGenerator generator, Value value, string type)
    {
        var call = (MethodCall)value;
        string low = Argument(generator, call, 0), high = Argument(generator, call, 1);
        Line(generator, $"cvt.rn.{type}.f32 {Registers(generator, generator.Allocate(value))}, {high}, {low};");
    }

    // A pointer in the address space that the instruction wants, in the register `into`.
    private static string Address(PTXCodeGenerator generator, MethodCall call, int argument, MemoryAddressSpace wanted, string name, string into)
    {
        string pointer = Argument(generator, call, argument);
        return ((AddressSpaceType)call[argument].Type).AddressSpace == wanted ? $"mov.u64 {into}, {pointer};" : $"cvta.to.{name}.u64 {into}, {pointer};";
    }

    private static string Argument(PTXCodeGenerator generator, MethodCall call, int argument) => Name(generator, generator.LoadPrimitive(call[argument]));

    // The registers of a value, those of its fields if it is a struct.
    private static string Registers(PTXCodeGenerator generator, PTXRegisterAllocator.Register register) => register is PTXRegisterAllocator.CompoundRegister compound
        ? string.Join(", ", compound.Children.Select(child => Registers(generator, child))) : Name(generator, (PTXRegisterAllocator.PrimitiveRegister)register);

    private static string Name(PTXCodeGenerator generator, PTXRegisterAllocator.PrimitiveRegister register) =>
        "%" + PTXRegisterAllocator.GetStringRepresentation(generator.EnsureHardwareRegister(register));

    private static void Line(PTXCodeGenerator generator, string text) => generator.Builder.Append('\t').AppendLine(text);
}
