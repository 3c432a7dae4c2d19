using AnoPLe.Gpu.Benchmarks.Ort;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Cold;

/// <summary>What both sides read: seeded weights, a detector fitted on drawn images, one more drawn image, and the image tower as an ONNX model.</summary>
internal sealed class ColdFiles : IDisposable
{
    private const string Category = "bottle_cap";
    private readonly string folder;
    private readonly bool isTemporary;

    private ColdFiles(string folder, bool isTemporary, ClipConfig config)
    {
        this.folder = folder;
        this.isTemporary = isTemporary;
        ImageSize = config.ImageSize;
        VisionBytes = ClipTensors.All(config).Where(tensor => tensor.Name.StartsWith("visual.", StringComparison.Ordinal)).Sum(tensor => 4L * tensor.Shape.Count);
    }

    /// <summary>Both towers, safetensors, F32.</summary>
    public string Weights => Path.Combine(folder, "weights.safetensors");

    /// <summary>A fitted detector.</summary>
    public string Detector => Path.Combine(folder, "detector.anople");

    /// <summary>The image to score.</summary>
    public string Image => Path.Combine(folder, "image.png");

    /// <summary>The image tower up to the image's feature; its weights lie beside it.</summary>
    public string OnnxModel => Path.Combine(folder, "model.onnx");

    /// <summary>S.</summary>
    public int ImageSize { get; }

    /// <summary>Bytes of the image tower's weights as floats.</summary>
    public long VisionBytes { get; }

    /// <summary>Bytes of the weights file.</summary>
    public long WeightsBytes => new FileInfo(Weights).Length;

    /// <summary>Makes them.</summary>
    /// <param name="model">Configuration.</param>
    /// <param name="keptIn">A folder to keep them in, under the model's name, and to take them from where they are there already; null for a temporary one.</param>
    public static ColdFiles Create(string model, string? keptIn)
    {
        var config = ClipConfig.Find(model);
        string folder = keptIn is null ? Directory.CreateTempSubdirectory("anople-cold-").FullName : Directory.CreateDirectory(Path.Combine(keptIn, Path.GetFileNameWithoutExtension(model))).FullName;
        var files = new ColdFiles(folder, keptIn is null, config);
        try
        {
            // The ONNX model is written last.
            if (!File.Exists(files.OnnxModel))
                files.Write(config);
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>The Release build of the command line in this repository.</summary>
    /// <exception cref="FileNotFoundException">It was not built.</exception>
    public static string BuiltCommand()
    {
        for (var up = new DirectoryInfo(AppContext.BaseDirectory); up is not null; up = up.Parent)
            if (Path.Combine(up.FullName, "src", "AnoPLe.Gpu.Cli", "bin", "Release", "net10.0", "anople.dll") is var path && File.Exists(path))
                return path;
        throw new FileNotFoundException("There is no Release build of src/AnoPLe.Gpu.Cli. Build it with 'dotnet build -c Release src/AnoPLe.Gpu.Cli', or name one with --anople.");
    }

    public void Dispose()
    {
        if (isTemporary)
            Directory.Delete(folder, recursive: true);
    }

    private void Write(ClipConfig config)
    {
        ClipWeightsInit.Create(config, seed: 0, Weights);
        var images = DemoImages.Generate(Category, seed: 0, new DemoOptions { Size = 512, Train = 1, TestNormal = 1, PerDefect = 0 });
        images[1].Image.SavePng(Image);
        using (var backend = new CpuBackend())
        using (var clip = ClipModel.Create(ClipWeights.Load(Weights), backend))
        using (var detector = AnomalyDetector.Fit(clip, Category, [images[0].Image]))
            detector.Save(Detector);
        File.Delete(Path.Combine(folder, "weights.bin")); // of a run that was stopped
        using var weights = ClipWeights.Load(Weights);
        using var graph = new OnnxGraph(folder);
        new OnnxVisionEncoder(graph, config, weights, B: 1).Build(patchTokens: false);
        graph.Save();
    }
}
