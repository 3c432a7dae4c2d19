namespace AnoPLe.Gpu.Weights.Checkpoints.Pickle;

// What a pickle can hold here. Plain values are null, bool, long, BigInteger, double and string. Nothing has methods that a file could choose.

/// <summary>A tuple.</summary>
internal sealed class PickleTuple(params object?[] items)
{
    public static readonly PickleTuple Empty = new();

    public object?[] Items { get; } = items;
}

/// <summary>A list. Empty ones, of which a file may hold millions, have no storage.</summary>
internal sealed class PickleList
{
    private List<object?>? items;

    public IReadOnlyList<object?> Items => items ?? (IReadOnlyList<object?>)[];

    public void Add(object? item) => (items ??= []).Add(item);
}

/// <summary>A dict of any class, in order of insertion. Plain keys are equal by value, others by identity.</summary>
internal sealed class PickleDict
{
    private static readonly object NoneKey = new();
    private OrderedDictionary<object, object?>? entries;

    public IEnumerable<KeyValuePair<object, object?>> Entries => entries ?? Enumerable.Empty<KeyValuePair<object, object?>>();

    public object? this[object? key]
    {
        get => entries is not null && entries.TryGetValue(key ?? NoneKey, out object? value) ? value : null;
        set => (entries ??= [])[key ?? NoneKey] = value;
    }
}

/// <summary>A value of which only its place matters: bytes, sets, devices, layouts.</summary>
internal sealed class PickleOpaque
{
    public static readonly PickleOpaque Instance = new();
}

/// <summary>An instance of a TorchScript class: attributes alone.</summary>
internal sealed class PickleObject
{
    public PickleDict? Attributes { get; set; }
}

/// <summary>Named memory that tensors view.</summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="Type">Its elements, or null for bytes whose tensors name a type.</param>
/// <param name="Start">Where it begins in the memory of this key, in bytes; not 0 for views in the legacy format.</param>
/// <param name="Bytes">Its size.</param>
internal sealed record PickleStorage(string Key, SafetensorsType? Type, long Start, long Bytes);

/// <summary>How a pickle names a storage.</summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="Type">Its elements, or null for bytes.</param>
/// <param name="Bytes">Declared size.</param>
/// <param name="View">Legacy format: (key, offset, size) of a part of it, in elements; else null.</param>
internal readonly record struct StorageReference(string Key, SafetensorsType? Type, long Bytes, PickleTuple? View)
{
    /// <summary>Bytes of one element.</summary>
    public int ElementBytes => Type is { } type ? type.Bits() / 8 : 1;
}

/// <summary>A tensor: a checked view of a storage. Offset and strides count elements.</summary>
internal sealed record PickleTensor(PickleStorage Storage, SafetensorsType Type, long Offset, long[] Size, long[] Stride);
