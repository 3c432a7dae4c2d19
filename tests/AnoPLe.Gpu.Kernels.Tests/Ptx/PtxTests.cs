using System.Text.RegularExpressions;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu.Kernels.Tests.Ptx;

/// <summary>What CUDA's driver would be given, inspected without a GPU. It proves nothing about speed or results on one.</summary>
public sealed class PtxTests
{
    private static readonly Lazy<IReadOnlyList<PtxKernel>> Compiled = new(PtxCompiler.CompileAll);

    public static TheoryData<string> All => [.. PtxCompiler.Kernels().Select(k => k.Name)];

    public static TheoryData<string> Hot => [.. PtxCompiler.Kernels().Where(k => k.Hot && !k.Tensor).Select(k => k.Name)];

    public static TheoryData<string> Tensor => [.. PtxCompiler.Kernels().Where(k => k.Tensor).Select(k => k.Name)];

    [Theory, MemberData(nameof(All))]
    public void Kernel_compiles_for_sm_80_without_calls(string kernel)
    {
        string ptx = Ptx(kernel);
        Assert.Contains(".target sm_80", ptx, StringComparison.Ordinal);
        Assert.Contains(".visible .entry", ptx, StringComparison.Ordinal);
        Assert.DoesNotContain("\tcall", ptx, StringComparison.Ordinal);
        Assert.DoesNotContain(".extern", ptx, StringComparison.Ordinal);
    }

    /// <summary>Accumulators in local memory would cost an order of magnitude and no other test would notice.</summary>
    [Theory, MemberData(nameof(Hot))]
    public void Hot_kernel_keeps_everything_in_registers_and_moves_16_bytes(string kernel)
    {
        string ptx = Ptx(kernel);
        Assert.DoesNotContain(".local", ptx, StringComparison.Ordinal);
        Assert.Contains("ld.global.v4.f32", ptx, StringComparison.Ordinal);
        Assert.Contains("ld.shared.v4.f32", ptx, StringComparison.Ordinal);
        Assert.DoesNotContain("ld.shared.f32\t", Between(ptx, "bar.sync", "bar.sync"), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Tensor))]
    public void Tensor_core_kernel_multiplies_matrices_in_registers(string kernel)
    {
        string ptx = Ptx(kernel);
        Assert.DoesNotContain(".local", ptx, StringComparison.Ordinal);
        var (product, rounding) = kernel.Contains("Fp16", StringComparison.Ordinal) ? ("m16n8k16.row.col.f32.f16.f16.f32", "cvt.rn.f16x2.f32")
            : kernel.Contains("Tf32", StringComparison.Ordinal) ? ("m16n8k8.row.col.f32.tf32.tf32.f32", "cvt.rna.tf32.f32") : ("m16n8k16.row.col.f32.bf16.bf16.f32", "cvt.rn.bf16x2.f32");
        Assert.Contains(rounding, ptx, StringComparison.Ordinal);
        // Floats come through registers, where they are rounded; what is rounded already is copied, and attention's moves 16 bytes at a time.
        bool halves = kernel.Contains("Halves", StringComparison.Ordinal), linear = kernel.StartsWith("TensorLinear", StringComparison.Ordinal);
        Assert.Equal(!halves, ptx.Contains("ld.global.v4.f32", StringComparison.Ordinal));
        Assert.Equal(!halves || !linear, Regex.IsMatch(ptx, @"st\.shared\.v4\.[bu]32"));
        if (halves && !linear)
            Assert.Matches(@"ld\.global\.v4\.[bu]32", ptx);
        int products = Count(ptx, "mma.sync.aligned." + product), loads = Count(ptx, "ldmatrix.sync.aligned.m8n8.x4.shared.b16"),
            transposed = Count(ptx, "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16");
        if (linear)
        {
            // Two halves of a slice, each of 4 x 4 fragments, from 6 loads.
            Assert.Equal((32, 12, 0), (products, loads, transposed));
            Assert.Equal(halves ? 8 : 4, Count(ptx, "cp.async.cg.shared.global"));
            Assert.Contains("cp.async.wait_group 1", ptx, StringComparison.Ordinal);
        }
        else if (kernel.StartsWith("TensorGradients.ProductTf32", StringComparison.Ordinal))
        {
            // An eighth of a slice's rows in the loop: 2 x 4 fragments, from 16 words, since ldmatrix cannot transpose them.
            Assert.Equal((8, 0, 0), (products, loads, transposed));
        }
        else if (kernel.StartsWith("TensorGradients", StringComparison.Ordinal))
        {
            // Two halves of a slice, each of 2 x 4 fragments, from 4 loads.
            Assert.Equal((16, 0, 8), (products, loads, transposed));
        }
        else
        {
            // A step of the scores has 4 fragments from 3 loads; 32 channels of the output 8 from 4. Rows meet by shuffles.
            int chunks = new[] { 1, 2, 4 }.Single(count => kernel.Contains($"<Head{32 * count},", StringComparison.Ordinal));
            // The backward has two such steps, and keys two gradients.
            bool backward = kernel.StartsWith("TensorAttentionBackward", StringComparison.Ordinal);
            int steps = backward ? 2 : 1, sums = kernel.Contains("KeySide", StringComparison.Ordinal) ? 2 : 1;
            Assert.Equal((4 * steps + 8 * chunks * sums, 3 * steps, 4 * chunks * sums), (products, loads, transposed));
            Assert.Equal(!backward, ptx.Contains("shfl.sync.bfly", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Shared_memory_fits_without_an_opt_in()
    {
        foreach (var kernel in Compiled.Value)
        {
            int bytes = 0;
            foreach (string line in kernel.Ptx.Split('\n').Where(l => l.Contains(".shared .align", StringComparison.Ordinal)))
                bytes += int.Parse(line[(line.LastIndexOf('[') + 1)..line.LastIndexOf(']')], System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(bytes <= 48 * 1024, $"{kernel.Name} uses {bytes} bytes of shared memory; static memory ends at 49152.");
        }
    }

    [Fact]
    public void Every_operation_of_the_backend_has_a_kernel()
    {
        var operations = typeof(Backend).GetProperties().Where(p => typeof(Operation).IsAssignableFrom(p.PropertyType)).Select(p => p.Name).ToList();
        Assert.NotEmpty(operations);
        foreach (string operation in operations)
            Assert.Contains(PtxCompiler.Kernels(), k => k.Name.StartsWith(operation + ".", StringComparison.Ordinal));
    }

    private static string Ptx(string kernel) => Compiled.Value.Single(k => k.Name == kernel).Ptx;

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private static string Between(string text, string from, string to)
    {
        int start = text.IndexOf(from, StringComparison.Ordinal);
        return text[start..text.IndexOf(to, start + from.Length, StringComparison.Ordinal)];
    }
}
