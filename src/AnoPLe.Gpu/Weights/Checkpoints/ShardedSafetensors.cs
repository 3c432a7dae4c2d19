namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>Several safetensors files and the index that names them; the index and the files must agree.</summary>
internal sealed class ShardedSafetensors : Checkpoint
{
    /// <summary>How names of indices end.</summary>
    public const string Extension = ".safetensors.index.json";

    private readonly List<SafetensorsFile> shards;
    private readonly Dictionary<string, SafetensorsFile> holders;

    private ShardedSafetensors(string path, List<SafetensorsFile> shards, Dictionary<string, SafetensorsFile> holders, Dictionary<string, string> metadata)
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
                    Hold(indexPath, index, holders, name, shard, tensor.Name);
                foreach (var (key, value) in shard.Metadata)
                    index.Metadata.TryAdd(key, value);
            }
            foreach (var (name, file) in index.Files)
                if (!holders.ContainsKey(name))
                    throw new InvalidDataException($"{indexPath}: puts {ForeignFormat.Quote(name)} into {ForeignFormat.Quote(file)}, which does not have it. "
                        + "Index and shards do not belong together: download them again.");
            return new ShardedSafetensors(path, shards, holders, index.Metadata);
        }
        catch
        {
            shards.ForEach(shard => shard.Dispose());
            throw;
        }
    }

    protected override void Dispose(bool disposing) => shards.ForEach(shard => shard.Dispose());

    private protected override void ReadCore(CheckpointTensor tensor, Span<byte> destination) => holders[tensor.Name].ReadBytes(tensor.Name, destination);

    private static SafetensorsFile OpenShard(string indexPath, string folder, string name)
    {
        try
        {
            return SafetensorsFile.Open(System.IO.Path.Combine(folder, name));
        }
        catch (Exception e) when (e is FileNotFoundException or PathTooLongException)
        {
            throw new InvalidDataException($"{indexPath}: the shard {ForeignFormat.Quote(name)} is missing in {folder}. Put all shards beside the index.", e);
        }
    }

    private static void Hold(string indexPath, ShardIndex index, Dictionary<string, SafetensorsFile> holders, string file, SafetensorsFile shard, string tensor)
    {
        string? expected = index.Files.GetValueOrDefault(tensor);
        if (!holders.TryAdd(tensor, shard))
            throw new InvalidDataException($"{indexPath}: {ForeignFormat.Quote(tensor)} is in {ForeignFormat.Quote(System.IO.Path.GetFileName(holders[tensor].Path))} and in "
                + $"{ForeignFormat.Quote(file)}. Expected every tensor in one shard.");
        if (expected is null)
            throw new InvalidDataException($"{indexPath}: {ForeignFormat.Quote(file)} has {ForeignFormat.Quote(tensor)}, which the index does not list. "
                + "Index and shards do not belong together: download them again.");
        if (expected != file)
            throw new InvalidDataException($"{indexPath}: puts {ForeignFormat.Quote(tensor)} into {ForeignFormat.Quote(expected)}, but {ForeignFormat.Quote(file)} has it. "
                + "Index and shards do not belong together: download them again.");
    }
}
