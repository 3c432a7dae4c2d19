using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>The training views of every case's images, bit for bit.</summary>
[Trait("Category", "Golden")]
public sealed class TrainingViewsGoldenTests
{
    public static TheoryData<string> Cases => [.. GoldenFolders.Cases.Select(row => row.Data).Where(HasViews)];

    [Theory, MemberData(nameof(Cases))]
    public void Views_equal_the_reference(string folder)
    {
        using GoldenCase golden = new(folder);
        int[] shape = golden.Shape("in/views");   // [B, V, 3, S, S]
        Preprocessing preprocessing = new(shape[^1]);
        List<float> views = [];
        for (int i = 0; i < shape[0]; i++)
        {
            int[] size = golden.Shape($"in/image_u8.{i}");
            views.AddRange(TrainingViews.Of(new RgbImage(size[1], size[0], golden.Bytes($"in/image_u8.{i}")), preprocessing, shape[1]));
        }
        Assert.Equal(golden.Floats("in/views"), views);
    }

    private static bool HasViews(string folder)
    {
        using GoldenCase golden = new(folder);
        return golden.Has("in/views");
    }
}
