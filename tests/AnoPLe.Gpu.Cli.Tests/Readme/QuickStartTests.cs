using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Cli.Tests.Testing;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Tests;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Cli.Tests.Readme;

/// <summary>The C# blocks of README.md, compiled and run. A block and the method's lines between the two marks are the same text.</summary>
[Collection(nameof(WorkingFolder))]
public sealed class QuickStartTests(SmallData data) : IDisposable
{
    private readonly string before = Directory.GetCurrentDirectory();
    private readonly TempFolder folder = new();

    public void Dispose()
    {
        Directory.SetCurrentDirectory(before);
        folder.Dispose();
    }

    [Fact]
    public void Quick_start()
    {
        File.Copy(data.Weights, folder["clip.safetensors"]);
        Directory.CreateDirectory(folder["good"]);
        foreach (string image in ImageFiles.In(data.Category("train", "good")))
            File.Copy(image, folder["good", Path.GetFileName(image)]);
        File.Copy(data.Category("test", "cut", "000.png"), folder["part.png"]);
        Directory.SetCurrentDirectory(folder.Root);
        RunQuickStart();
        Assert.True(File.Exists("fabric.checkpoint"));
        Assert.Equal((48, 48), (RgbImage.Load("overlay.png").Width, RgbImage.Load("overlay.png").Height));
        using var backend = Backends.Auto();
        using var clip = ClipModel.Load("clip.safetensors", backend);
        using var loaded = AnomalyDetector.Load("fabric.anople", clip);
        Assert.Equal("fabric", loaded.ClassName);
    }

    [Fact]
    public void Hand_over_pixels()
    {
        RgbImage handedOver = HandOver(new Image<Rgb24>(2, 1, [1, 2, 3, 4, 5, 6]));
        Assert.Equal([1, 2, 3, 4, 5, 6], handedOver.Pixels.ToArray());
    }

    [Fact]
    public void The_blocks_are_the_code_above()
    {
        var blocks = ReadmeFile.Blocks.Where(block => block.Language == "csharp").ToArray();
        Assert.Equal(3, blocks.Length);
        Assert.Equal(Body(nameof(RunQuickStart)), string.Join('\n', blocks[0].Lines));
        Assert.Equal(Body(nameof(Train)), string.Join('\n', blocks[1].Lines));
        Assert.Equal(Body(nameof(HandOver)), string.Join('\n', blocks[2].Lines));
    }

    private static void RunQuickStart()
    {
        // README: RunQuickStart
        using var backend = Backends.Auto();
        // ClipModel.Nano(backend) needs no file: the small model in the box.
        using var clip = ClipModel.Load("clip.safetensors", backend);

        // A few images of good parts are all it needs. Fitting remembers their patches: seconds.
        string[] good = ["good/000.png", "good/001.png", "good/002.png", "good/003.png"];
        using var detector = AnomalyDetector.Fit(clip, "fabric", good);

        RgbImage image = RgbImage.Load("part.png");
        AnomalyResult result = detector.Score(image);
        Console.WriteLine($"{result.Decision}: score {result.Score:F3}, threshold {detector.Calibration.Threshold:F3}, worst at {result.Map.Peak}");

        // One colour scale for all images: a good one stays dark.
        var colours = new HeatMap(0, 2 * detector.Calibration.Threshold);
        colours.Overlay(image, result.Map.Values, result.Map.Width, result.Map.Height).SavePng("overlay.png");

        // Everything but CLIP's weights goes into one file.
        detector.Save("fabric.anople");
        // README: end
        Train(clip, good, image);
    }

    private static void Train(ClipModel clip, string[] good, RgbImage image)
    {
        // README: Train
        // The defaults are the method's; everything about it, and every ablation, is a property of these options.
        var options = new TrainingOptions { Epochs = 100, MinSteps = 0 };
        // Cancelled or not, the same call goes on from the checkpoint and ends with the same bits.
        using var trained = AnomalyDetector.Train(clip, "fabric", good, options, checkpoint: new TrainingCheckpoint("fabric.checkpoint"));
        Console.WriteLine($"{trained.TrainingSteps} steps, loss {trained.EpochLosses[^1].Total:F3}: {trained.Score(image).Decision}");
        // README: end
    }

    private static RgbImage HandOver(Image<Rgb24> image)
    {
        // README: HandOver
        byte[] pixels = new byte[3 * image.Width * image.Height];
        image.CopyPixelDataTo(pixels);
        var handedOver = new RgbImage(image.Width, image.Height, pixels);
        // README: end
        return handedOver;
    }

    // This file's lines between "// README: NAME" and "// README: end", without their indentation.
    private static string Body(string name, [CallerFilePath] string file = "")
    {
        // The path of the build machine may be another one where paths are mapped.
        string path = File.Exists(file) ? file : Repository.Path("tests", "AnoPLe.Gpu.Cli.Tests", "Readme", "QuickStartTests.cs");
        string[] lines = File.ReadAllText(path).Split('\n');
        int start = Array.FindIndex(lines, line => line.Trim() == $"// README: {name}") + 1;
        int end = Array.FindIndex(lines, start, line => line.Trim() == "// README: end");
        return string.Join('\n', lines[start..end].Select(line => line.Length > 8 ? line[8..] : ""));
    }

    /// <summary>Has the members of SixLabors.ImageSharp's class of that name that the block uses.</summary>
    private sealed class Image<TPixel>(int width, int height, byte[] content)
        where TPixel : struct
    {
        public int Width => width;

        public int Height => height;

        public void CopyPixelDataTo(Span<byte> destination) => content.CopyTo(destination);
    }

    private readonly struct Rgb24;
}

/// <summary>Tests that set the process's working folder: one at a time, while no others run.</summary>
[CollectionDefinition(nameof(WorkingFolder), DisableParallelization = true)]
public sealed class WorkingFolder;
