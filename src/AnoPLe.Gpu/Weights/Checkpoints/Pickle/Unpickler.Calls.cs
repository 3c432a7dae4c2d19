using System.Text;
using static AnoPLe.Gpu.Weights.Checkpoints.CheckpointErrors;

namespace AnoPLe.Gpu.Weights.Checkpoints.Pickle;

/// <summary>What the few allowed names do when a pickle calls them.</summary>
internal sealed partial class Unpickler
{
    // How many values calls have copied out of containers; a container could otherwise be copied again and again by a few bytes each.
    private long copied;

    private void Global()
    {
        string module = Line(), name = Line();
        Push(Global([module, name]));
    }

    private string Line() => Encoding.UTF8.GetString(reader.ReadLine());

    private PickleGlobal Global(object?[] names)
    {
        if (names is not [string module, string name])
            throw Bad($"names a class by {Kind(names[0])} and {Kind(names[1])}, expected two strings", Again);
        // Names are hashed: a long one could be named again and again by a few bytes each.
        bool plausible = module.Length <= MaxKey && name.Length <= MaxKey;
        return (plausible ? AllowedGlobals.Find(module, name, script) : null) ?? throw Refused(module, name);
    }

    private InvalidDataException Refused(string module, string name)
    {
        string full = $"{Quote(module)[1..^1]}.{Quote(name)[1..^1]}";
        return module == "torch" && name.EndsWith("Storage", StringComparison.Ordinal)
            ? Bad($"{full} is no storage that is read here", "Save floats, halves or whole numbers: torch.save(model.float().state_dict(), \"weights.pt\")")
            : Bad($"{full} is not something a tensor file needs; refusing to interpret it",
                "Nothing of the file was run. If you trust it, let Python save its tensors alone: torch.save(model.state_dict(), \"weights.pt\")");
    }

    private StorageReference Reference(object? id)
    {
        object?[] parts = id is PickleTuple { Items: { Length: 5 or 6 } items } ? items : [];
        if (parts is not ["storage", PickleGlobal { Kind: GlobalKind.Storage } storage, string { Length: <= 256 } key, _, long count, .. var rest]
            || rest is not ([] or [null] or [PickleTuple]))
            throw Bad("refers to something outside the pickle in a way PyTorch does not",
                "Expected ('storage', class, key, location, count); the file is damaged, or older than PyTorch 0.4");
        int size = (storage.Type?.Bits() ?? 8) / 8;
        if (count < 0 || count > long.MaxValue / size)
            throw Bad($"declares the storage {Quote(key)} with {count} elements", Again);
        return new StorageReference(key, storage.Type, count * size, rest is [PickleTuple view] ? view : null);
    }

    private object? Call(object?[] call)
    {
        if (call is not [PickleGlobal function, PickleTuple { Items: var arguments }])
            throw Bad($"calls {Kind(call[0])} with {Kind(call[1])}, expected one of the known functions with a tuple", Again);
        switch (function.Kind)
        {
            case GlobalKind.Dict:
                return NewDict(arguments);
            case GlobalKind.Opaque:
                return PickleOpaque.Instance;
            case GlobalKind.First when arguments.Length > 0:
                return arguments[0];
            case GlobalKind.Tensor or GlobalKind.TypedTensor:
                return Tensor(function, arguments);
            case GlobalKind.Parameter when arguments is [PickleTensor data, ..]:
                return data;
            // Not any function: a chain of these would be as deep as the file is long.
            case GlobalKind.FromType when arguments is [PickleGlobal { Kind: GlobalKind.Tensor or GlobalKind.TypedTensor } inner,
                PickleGlobal { Kind: GlobalKind.TensorClass }, PickleTuple { Items: var values }, ..]:
                return Tensor(inner, values);
            default:
                throw Bad($"calls {Kind(function)} with {Arguments(arguments)}", Newer);
        }
    }

    // OrderedDict(), dict(pairs), Counter(dict), defaultdict(class).
    private PickleDict NewDict(object?[] arguments)
    {
        PickleDict dict = new();
        switch (arguments)
        {
            case [] or [null] or [PickleGlobal]:
                return dict;
            case [PickleDict other]:
                return other;
            case [PickleList { Items: var pairs }]:
                copied += pairs.Count;
                if (copied > reader.Position)
                    throw Bad("makes dicts of more pairs than it holds", Hostile);
                foreach (object? pair in pairs)
                {
                    var (key, value) = pair switch
                    {
                        PickleTuple { Items: [var k, var v] } => (k, v),
                        PickleList { Items: [var k, var v] } => (k, v),
                        _ => throw Bad($"makes a dict of {Kind(pair)}, expected a pair", Again),
                    };
                    dict[Key(key)] = value;
                }
                return dict;
            default:
                throw Bad($"makes a dict of {Arguments(arguments)}", Newer);
        }
    }

    private PickleTensor Tensor(PickleGlobal function, object?[] arguments)
    {
        if (arguments is not [PickleStorage storage, long offset, var size, var stride, .. var rest]
            || Axes(size) is not { } sizes || Axes(stride) is not { } strides)
            throw Bad($"makes a tensor of {Arguments(arguments)}, expected (storage, offset, size, stride, ...)", Newer);
        bool typed = function.Kind == GlobalKind.TypedTensor;
        SafetensorsType? type = !typed ? storage.Type : rest is [_, _, PickleGlobal { Kind: GlobalKind.ElementType } named, ..] ? named.Type : null;
        if (type is not { } t)
            throw Bad("makes a tensor of bytes without a type", Newer);
        // (requires_grad, hooks[, type][, metadata]); metadata says that the elements are to be negated or conjugated.
        object?[] metadata = rest[Math.Min(rest.Length, typed ? 3 : 2)..];
        if (metadata is not ([] or [null]) && !(metadata is [PickleDict properties] && !properties.Entries.Any()))
            throw Bad("makes a tensor with properties that are not read here", "In Python, save a plain copy: tensor.resolve_neg().clone()");
        PickleTensor tensor = new(storage, t, offset, sizes, strides);
        return TorchTensors.Check(tensor, tensorBytes) is not { } wrong ? tensor
            : throw Bad($"makes a tensor of {t} {SafetensorsTensor.Text(sizes)} with strides {SafetensorsTensor.Text(strides)} from element {offset} on "
                + $"of the storage {Quote(storage.Key)}: {wrong}", Hostile + "; in Python, .contiguous() before saving makes a plain tensor");
    }

    // Sizes or strides, or null when they are none.
    private static long[]? Axes(object? value)
    {
        IReadOnlyList<object?>? items = value switch { PickleTuple tuple => tuple.Items, PickleList list => list.Items, _ => null };
        return items is { Count: <= TorchTensors.MaxAxes } && items.All(item => item is long) ? [.. items.Select(item => (long)item!)] : null;
    }

    private PickleObject New(object?[] call) => call is [PickleGlobal { Kind: GlobalKind.ScriptClass }, PickleTuple] ? new PickleObject()
        : throw Bad($"makes an object of {Kind(call[0])}", "In Python, save the tensors alone: torch.save(model.state_dict(), \"weights.pt\")");

    private void Build(object? state)
    {
        switch (Peek())
        {
            case PickleObject made when state is PickleDict attributes:
                made.Attributes = attributes;
                break;
            // Attributes of a state dict (_metadata: versions of modules) and of the like say nothing about tensors.
            case PickleDict or PickleOpaque:
                break;
            default:
                throw Bad($"sets the state of {Kind(Peek())} to {Kind(state)}", Newer);
        }
    }

    private static string Arguments(object?[] arguments) =>
        $"({string.Join(", ", arguments.Take(8).Select(Kind))}{(arguments.Length > 8 ? ", ..." : "")})";
}
