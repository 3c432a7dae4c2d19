namespace AnoPLe.Gpu.Tests.Architecture;

/// <summary>One name finds everything of an operation: contract, both kernels, reference, tests, benchmark.</summary>
public sealed class OperationFilesTests
{
    public static TheoryData<string> Operations =>
        [.. Sources.Files("src/AnoPLe.Gpu.Compute/Ops").Select(Path.GetFileNameWithoutExtension).Where(name => name != "Operation").Select(name => name!)];

    [Theory, MemberData(nameof(Operations))]
    public void Every_operation_has_its_files(string operation)
    {
        string[] expected =
        [
            $"kernels/AnoPLe.Gpu.Kernels.Cpu:{operation}.cs", $"kernels/AnoPLe.Gpu.Kernels.Ilgpu:{operation}.cs",
            $"tests/AnoPLe.Gpu.Kernels.Tests:{operation}Tests.cs", $"tests/AnoPLe.Gpu.Kernels.Tests:{operation}Reference.cs",
            $"benchmarks/AnoPLe.Gpu.Benchmarks:{operation}Benchmark.cs",
        ];
        foreach (string[] file in expected.Select(entry => entry.Split(':')))
            Assert.Single(Sources.Files(file[0]), path => Path.GetFileName(path) == file[1]);
    }
}
