using AnoPLe.Gpu.Randomness;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Training;

public sealed class TextureTests
{
    private const int S = 5;
    private static readonly TextureAugmentation Identity = new(0, false, 0, 0, 0, 1, 0, false);

    // Pixel (y, x) of channel c, each value once.
    private static readonly float[] Picture = [.. Enumerable.Range(0, 3 * S * S).Select(i => i / 100f)];

    [Fact]
    public void No_change_is_no_change() => Assert.Equal(Picture, Apply(Identity));

    [Fact]
    public void Quarter_turns_move_the_corners_clockwise()
    {
        Assert.Equal(Picture[(S - 1) * S], Apply(Identity with { QuarterTurns = 3 })[0]);        // bottom left comes to the top left
        Assert.Equal(Picture[S - 1], Apply(Identity with { QuarterTurns = 1 })[0]);              // top right does
        Assert.Equal(Picture[..(S * S)].Reverse(), Apply(Identity with { QuarterTurns = 2 })[..(S * S)]);
        Assert.Equal(Picture[S - 1], Apply(Identity with { Mirror = true })[0]);
    }

    [Fact]
    public void Shifts_go_around()
    {
        float[] shifted = Apply(Identity with { ShiftY = 2, ShiftX = 1 });
        for (int y = 0; y < S; y++)
            for (int x = 0; x < S; x++)
                Assert.Equal(Picture[(y + 2) % S * S + (x + 1) % S], shifted[y * S + x]);
    }

    [Fact]
    public void Every_geometry_keeps_every_value_and_every_order_every_channel()
    {
        HashSet<string> seen = [];
        for (int turns = 0; turns < 4; turns++)
            foreach (bool mirror in new[] { false, true })
                for (int order = 0; order < 6; order++)
                {
                    float[] result = Apply(Identity with { QuarterTurns = turns, Mirror = mirror, Channels = order, ShiftX = 3, ShiftY = 4 });
                    Assert.Equal(Picture, result.Order());
                    Assert.True(seen.Add(string.Join(' ', result)));
                }
    }

    [Fact]
    public void Values_are_inverted_scaled_shifted_and_kept_in_range()
    {
        float[] values = Apply(Identity with { Gain = 1.5f, Offset = -0.2f, Invert = true });
        for (int i = 0; i < values.Length; i++)
            Assert.Equal(Math.Clamp(1.5f * (1 - Picture[i]) - 0.2f, 0, 1), values[i], 1e-6f);
    }

    [Fact]
    public void Draws_cover_their_ranges()
    {
        CounterRandom random = new(1, 1);
        var draws = Enumerable.Range(0, 1000).Select(_ => TextureAugmentation.Draw(7, ref random)).ToArray();
        Assert.Equal([0, 1, 2, 3], draws.Select(d => d.QuarterTurns).Distinct().Order());
        Assert.Equal([0, 1, 2, 3, 4, 5], draws.Select(d => d.Channels).Distinct().Order());
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], draws.Select(d => d.ShiftX).Distinct().Order());
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], draws.Select(d => d.ShiftY).Distinct().Order());
        Assert.InRange(draws.Count(d => d.Invert), 180, 320);
        Assert.InRange(draws.Count(d => d.Mirror), 400, 600);
        Assert.All(draws, d => Assert.InRange(d.Gain, 0.5f, 1.5f));
        Assert.All(draws, d => Assert.InRange(d.Offset, -0.2f, 0.2f));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    public void Procedural_textures_are_in_range_and_not_plain(int side)
    {
        float[] texture = new float[3 * side * side];
        PerlinNoise perlin = new(ProceduralTexture.MaxCells);
        for (int i = 0; i < 50; i++)
        {
            CounterRandom random = new(2, (ulong)i);
            ProceduralTexture.Draw(texture, side, perlin, ref random);
            Assert.All(texture, value => Assert.InRange(value, 0f, 1f));
            Assert.True(side == 1 || texture.Max() - texture.Min() > 0.05f);
        }
    }

    [Fact]
    public void Folder_is_read_with_the_folders_in_it()
    {
        using TemporaryFolder folder = new();
        folder.Image("a.png", 1, 1, 255, 0, 0).Image("sub/deep/b.PNG", 9, 4, 1, 2, 3).Image(".hidden.png", 2, 2).Write("notes.txt", "none");
        TextureSource textures = TextureSource.Load(folder.Path, 4);
        Assert.Equal((2, 4), (textures.Count, textures.ImageSize));
        float[] red = new float[3 * 4 * 4];
        textures.Read(0, red);
        Assert.Equal([.. Enumerable.Repeat(1f, 16), .. Enumerable.Repeat(0f, 32)], red);
    }

    [Fact]
    public void Large_folder_gives_the_same_few_wherever_it_lies()
    {
        float[][] Read(string parent)
        {
            using TemporaryFolder folder = new();
            for (byte i = 0; i < 20; i++)
                folder.Image($"{parent}/{i}.png", 1, 1, i, i, i);
            TextureSource textures = TextureSource.Load(folder[parent], 1, limit: 3);
            return [.. Enumerable.Range(0, textures.Count).Select(i =>
            {
                float[] texture = new float[3];
                textures.Read(i, texture);
                return texture;
            })];
        }
        float[][] few = Read("one");
        Assert.Equal(3, few.Select(texture => texture[0]).Distinct().Count());
        Assert.Equal(few, Read("another"));
    }

    [Fact]
    public void Folders_without_textures_are_refused()
    {
        using TemporaryFolder folder = new();
        Assert.Contains("no images among its 0 files", Assert.Throws<ArgumentException>(() => TextureSource.Load(folder.Path, 8)).Message, StringComparison.Ordinal);
        folder.Write("readme.txt", "x");
        string message = Assert.Throws<ArgumentException>(() => TextureSource.Load(folder.Path, 8)).Message;
        Assert.StartsWith(folder.Path, message, StringComparison.Ordinal);
        Assert.Contains("no images among its 1 files", message, StringComparison.Ordinal);
        Assert.Contains("train without", message, StringComparison.Ordinal);
        Assert.Throws<DirectoryNotFoundException>(() => TextureSource.Load(folder["missing"], 8));
        Assert.Throws<ArgumentException>(() => new TextureSource([], 8));
        folder.Write("broken.png", "not a picture");
        Assert.Contains("broken.png", Assert.Throws<InvalidDataException>(() => TextureSource.Load(folder.Path, 8)).Message, StringComparison.Ordinal);
    }

    private static float[] Apply(TextureAugmentation augmentation)
    {
        float[] target = new float[Picture.Length];
        augmentation.Apply(Picture, target, S);
        return target;
    }
}
