using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Tests.Datasets;

public sealed class ShotSelectorTests
{
    private static readonly string[] Names = [.. Enumerable.Range(0, 20).Select(i => $"train/good/{i:000}.png")];

    [Fact]
    public void Choice_depends_on_names_and_seed_only()
    {
        Assert.Equal(ShotSelector.Choose(Names, 4, 7), ShotSelector.Choose(Names.Reverse(), 4, 7));
        // Fixed for good: recorded results name these files.
        Assert.Equal(["train/good/006.png", "train/good/000.png", "train/good/001.png", "train/good/011.png"], ShotSelector.Choose(Names, 4, 0));
    }

    [Fact]
    public void Fewer_shots_are_the_first_of_more()
    {
        var all = ShotSelector.Choose(Names, Names.Length, 3);
        Assert.Equal(Names, all.Order(StringComparer.Ordinal));
        for (int shots = 1; shots < Names.Length; shots++)
            Assert.Equal(all.Take(shots), ShotSelector.Choose(Names, shots, 3));
    }

    [Fact]
    public void Every_image_is_chosen_about_equally_often()
    {
        int[] counts = new int[Names.Length];
        for (int seed = 0; seed < 2000; seed++)
            foreach (string name in ShotSelector.Choose(Names, 2, seed))
                counts[Array.IndexOf(Names, name)]++;
        // 4000 draws over 20 names: 200 each, standard deviation below 14.
        Assert.All(counts, count => Assert.InRange(count, 140, 260));
    }

    [Theory, InlineData(0), InlineData(-1), InlineData(21)]
    public void Impossible_numbers_of_shots_are_refused(int shots)
    {
        var error = Assert.Throws<ArgumentException>(() => ShotSelector.Choose(Names, shots, 0));
        Assert.Contains($"{shots} shots asked for, expected 1 to 20", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_twice_is_refused() => Assert.Throws<ArgumentException>(() => ShotSelector.Choose(["a", "b", "a"], 1, 0));

    [Fact]
    public void A_shot_records_the_hash_of_the_file()
    {
        using TemporaryFolder folder = new();
        folder.Write("x.png", "abc");
        Assert.Equal(new Shot("x", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), Shot.Of("x", folder["x.png"]));
        Assert.Throws<FileNotFoundException>(() => Shot.Of("y", folder["y.png"]));
    }
}
