using static AnoPLe.Gpu.Weights.Checkpoints.CheckpointErrors;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>Several safetensors files and the index that names them; the index and the files must agree.</summary>
internal sealed class ShardedSafetensors : Checkpoint
{
    /// <summary>How names of indices end.</summary>
    public const string Extension = ".safetensors.index.json";

    private const string Mixed = "Index and shards do not belong together: download them again";

    private readonly List<SafetensorsFile> shards;
    private readonly Dictionary<string, SafetensorsFile> holders;

    private ShardedSafetensors(string path, List<SafetensorsFile> shards, Dictionary<string, SafetensorsFile> holders,
        Dictionary<string, string> metadata)
        : base(path, shards.Count == 1 ? "safetensors, 1 shard" : $"safetensors, {shards.Count} shards",
            [.. shards.SelectMany(shard => shard.Tensors).Select(SafetensorsCheckpoint.Tensor)], metadata)
    {
        this.shards = shards;
        this.holders = holders;
    }

    /// <summary>Opens an index and all its shards.</summary>
    /// <param name="path">As named by the user: the index or its folder.</param>
    /// <param name="indexPath">The index.</param>
    /// <param name="stream">Its bytes.</param>
    public static ShardedSafetensors Open(string path, string indexPath, Stream stream)
    {
        ShardIndex index = ShardIndex.Read(indexPath, stream);
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(indexPath))!;
        List<SafetensorsFile> shards = [];
        try
        {
            Dictionary<string, SafetensorsFile> holders = new(StringComparer.Ordinal);
            foreach (string name in index.Files.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                SafetensorsFile shard = OpenShard(indexPath, folder, name);
                shards.Add(shard);
                foreach (SafetensorsTensor tensor in shard.Tensors)
                    Hold(indexPath, index, holders, shard, tensor.Name);
                foreach (var (key, value) in shard.Metadata)
                    index.Metadata.TryAdd(key, value);
            }
            foreach (var (name, file) in index.Files)
                if (!holders.ContainsKey(name))
                    throw Bad(indexPath, $"puts {Quote(name)} into {Quote(file)}, which does not have it", Mixed);
            return new ShardedSafetensors(path, shards, holders, index.Metadata);
        }
        catch
        {
            shards.ForEach(shard => shard.Dispose());
            throw;
        }
    }

    protected override void Dispose(bool disposing) => shards.ForEach(shard => shard.Dispose());

    private protected override void ReadCore(CheckpointTensor tensor, Span<byte> destination) =>
        holders[tensor.Name].ReadBytes(tensor.Name, destination);

    private static SafetensorsFile OpenShard(string indexPath, string folder, string name)
    {
        try
        {
            return SafetensorsFile.Open(System.IO.Path.Combine(folder, name));
        }
        catch (Exception e) when (e is FileNotFoundException or PathTooLongException)
        {
            throw Bad(indexPath, $"the shard {Quote(name)} is missing in {folder}", "Put all shards beside the index", e);
        }
    }

    // Notes that the shard has the tensor, as the index must say.
    private static void Hold(string indexPath, ShardIndex index, Dictionary<string, SafetensorsFile> holders, SafetensorsFile shard, string tensor)
    {
        string file = System.IO.Path.GetFileName(shard.Path);
        string? expected = index.Files.GetValueOrDefault(tensor);
        if (!holders.TryAdd(tensor, shard))
            throw Bad(indexPath, $"{Quote(tensor)} is in {Quote(System.IO.Path.GetFileName(holders[tensor].Path))} and in {Quote(file)}",
                "Expected every tensor in one shard");
        if (expected is null)
            throw Bad(indexPath, $"{Quote(file)} has {Quote(tensor)}, which the index does not list", Mixed);
        if (expected != file)
            throw Bad(indexPath, $"puts {Quote(tensor)} into {Quote(expected)}, but {Quote(file)} has it", Mixed);
    }
}
