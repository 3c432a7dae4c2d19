using System.Diagnostics;
using System.IO.Compression;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Tests.Weights.Checkpoints;

/// <summary>
/// Damaged and made-up files of every form are read or refused by the documented exception: no other exception, no hang, no memory beyond what
/// the file's size allows. The same files on every run; ANOPLE_FUZZ_SECONDS (per test) runs on with more seeds.
/// </summary>
public sealed class CheckpointFuzzTests
{
    private static readonly string Golden = Repository.Path("tests", "Golden");

    // The largest part of the allowed memory that an open or a read took, for the run's report.
    private double most;

    [Fact]
    public void Damaged_zip_archives() => Damage(Files("checkpoints", "*.pt").Concat(Files("bad/pt", "*zip.pt")).Where(name => !name.Contains("legacy", StringComparison.Ordinal)), 1500);

    [Fact]
    public void Damaged_legacy_files() => Damage(Files("checkpoints", "*_legacy.pt").Append(Path.Combine(Golden, "bad", "pt", "valid_legacy.pt")), 2500);

    [Fact]
    public void Damaged_TorchScript_archives() => Damage(Files("checkpoints", "script*.pt").Concat(Files("checkpoints", "trace.pt")), 800);

    [Fact]
    public void Damaged_safetensors() => Damage(Files("checkpoints", "*.safetensors").Append(Path.Combine(Golden, "bad", "st", "valid.safetensors")), 1500);

    [Fact]
    public void Damaged_indices()
    {
        using TemporaryFolder folder = new();
        foreach (string shard in Files("checkpoints/sharded", "*.safetensors"))
            File.Copy(shard, folder[Path.GetFileName(shard)]);
        byte[] original = File.ReadAllBytes(Files("checkpoints/sharded", "*.json").Single());
        Run(1500, random =>
        {
            File.WriteAllBytes(folder["model.safetensors.index.json"], new Mutations(random).Of(original, original));
            return Opens(folder.Path);
        });
    }

    [Theory, InlineData("views.pt"), InlineData("training.pt"), InlineData("protocol4.pt"), InlineData("script.pt")]
    public void Damaged_pickles_in_sound_archives(string name)
    {
        using ZipArchive original = ZipFile.OpenRead(Path.Combine(Golden, "checkpoints", name));
        (string Name, byte[] Bytes)[] entries = [.. original.Entries.Select(entry => (entry.FullName[(entry.FullName.IndexOf('/') + 1)..], Bytes(entry)))];
        byte[] pickle = entries.Single(entry => entry.Name == "data.pkl").Bytes;
        (string Name, byte[] Bytes)[] storages = [.. entries.Where(entry => entry.Name.StartsWith("data/", StringComparison.Ordinal)).Select(entry => ("m/" + entry.Name, entry.Bytes))];
        using TemporaryFolder folder = new();
        Run(800, random =>
        {
            PickleBuilder.Zip(folder["damaged.pt"], new Mutations(random).Of(pickle, pickle), name == "script.pt", random.Next(4) == 0, storages);
            return Opens(folder["damaged.pt"]);
        });
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Made_up_pickles(bool script)
    {
        using TemporaryFolder folder = new();
        Run(4000, random =>
        {
            byte[] pickle = new RandomPickle(random).Next(1 + random.Next(1 + random.Next(120)));
            PickleBuilder.Zip(folder["made-up.pt"], pickle, script, deflate: random.Next(4) == 0);
            return Opens(folder["made-up.pt"]);
        });
    }

    private void Damage(IEnumerable<string> files, int iterations)
    {
        byte[][] originals = [.. files.Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
        using TemporaryFolder folder = new();
        Run(iterations, random =>
        {
            byte[] original = originals[random.Next(originals.Length)], other = originals[random.Next(originals.Length)];
            File.WriteAllBytes(folder["damaged"], new Mutations(random).Of(original, other));
            return Opens(folder["damaged"]);
        });
    }

    private static byte[] Bytes(ZipArchiveEntry entry)
    {
        using MemoryStream bytes = new();
        using Stream stream = entry.Open();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private void Run(int iterations, Func<Random, bool> iteration)
    {
        double seconds = double.TryParse(Environment.GetEnvironmentVariable("ANOPLE_FUZZ_SECONDS"), out double more) ? more : 0;
        Stopwatch time = Stopwatch.StartNew();
        int read = 0, seed = 1;
        for (; seed <= iterations || time.Elapsed.TotalSeconds < seconds; seed++)
        {
            try
            {
                read += iteration(new Random(seed)) ? 1 : 0;
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Seed {seed}: {e.Message}", e);
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{seed - 1} files, of which {read} could be read, in {time.Elapsed.TotalSeconds:F1} s, "
            + $"with at most {100 * most:F0} % of the memory allowed.");
        // Enough must get to the end to say something about what lies behind the first check.
        Assert.True(read > iterations / 200, $"Only {read} of {seed - 1} files could be read, which says little about reading.");
    }

    // Whether it opened and all of it could be read. What may not happen throws.
    private bool Opens(string path)
    {
        long fileBytes = Directory.Exists(path) ? Directory.GetFiles(path).Sum(file => new FileInfo(file).Length) : new FileInfo(path).Length;
        Stopwatch time = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using Checkpoint checkpoint = Checkpoint.Open(path);
            Spent();
            foreach (CheckpointTensor tensor in checkpoint.Tensors)
            {
                // What a tensor makes its reader allocate: at most the file, unfolded.
                Assert.InRange(tensor.ByteLength, 0, 1032 * fileBytes);
                byte[] bytes = new byte[tensor.ByteLength];
                before = GC.GetAllocatedBytesForCurrentThread();
                checkpoint.Read(tensor, bytes);
                Spent();
            }
            return true;
        }
        catch (InvalidDataException e)
        {
            Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
            Assert.InRange(e.Message.Length - path.Length, 20, 2000);
            Spent();
            return false;
        }

        void Spent()
        {
            long allowed = (1 << 19) + 256 * fileBytes, allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.InRange(allocated, 0, allowed);
            most = Math.Max(most, (double)allocated / allowed);
            Assert.InRange(time.Elapsed.TotalSeconds, 0, 10);
        }
    }

    private static string[] Files(string folder, string pattern) => Directory.GetFiles(Path.Combine(Golden, folder), pattern);
}
