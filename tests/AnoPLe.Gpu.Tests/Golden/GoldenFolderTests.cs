namespace AnoPLe.Gpu.Tests.Golden;

[Trait("Category", "Golden")]
public sealed class GoldenFolderTests
{
    [Fact]
    public void Named_golden_folder_exists_and_holds_something() => Assert.NotEmpty(GoldenFolders.Roots);
}
