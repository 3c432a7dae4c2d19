using System.Globalization;
using System.Numerics;
using AnoPLe.Gpu.Weights.Checkpoints.Pickle;
using static AnoPLe.Gpu.Weights.Checkpoints.CheckpointErrors;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>
/// Finds the named tensors in what a pickle holds: a state dict, one inside a checkpoint, or the attributes of a TorchScript module.
/// In a dict only tensors that are values themselves count; what else lies in it (an optimiser's state) is not looked into.
/// </summary>
internal sealed class TorchState
{
    private const string SaveState = "Save the model's state dict: torch.save(model.state_dict(), \"weights.pt\")";

    // Under which keys training scripts put the state dict.
    private static readonly string[] Containers = ["state_dict", "model_state_dict", "model"];

    private readonly string path;
    private readonly Dictionary<string, PickleTensor> views = new(StringComparer.Ordinal);
    private readonly List<CheckpointTensor> tensors = [];
    private readonly Dictionary<string, string> metadata = new(StringComparer.Ordinal);

    // Characters of names and visits of attributes that are left: shared modules could otherwise multiply to more than memory holds.
    private long budget;

    private TorchState(string path, long pickleBytes)
    {
        this.path = path;
        budget = (1 << 16) + 8 * pickleBytes;
    }

    /// <summary>The tensors in the order of the pickle.</summary>
    public IReadOnlyList<CheckpointTensor> Tensors => tensors;

    /// <summary>Where each is, by name.</summary>
    public IReadOnlyDictionary<string, PickleTensor> Views => views;

    /// <summary>Plain values on the way to the tensors, as text.</summary>
    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>Collects the tensors below a pickle's root.</summary>
    /// <param name="path">File, for messages.</param>
    /// <param name="root">What the pickle holds.</param>
    /// <param name="pickleBytes">Its length, to which the work is bound.</param>
    /// <exception cref="InvalidDataException">There are none, or not under names.</exception>
    public static TorchState Of(string path, object? root, long pickleBytes)
    {
        TorchState state = new(path, pickleBytes);
        switch (root)
        {
            case PickleDict dict:
                state.AddDict(state.Descend(dict));
                break;
            case PickleObject module:
                state.AddModule(module);
                break;
            default:
                throw Bad(path, $"holds {Unpickler.Kind(root)}, expected a dict of tensors as torch.save(model.state_dict(), ...) writes it", SaveState);
        }
        return state;
    }

    // From a checkpoint to the state dict in it. Eight levels end also where a dict holds itself.
    private PickleDict Descend(PickleDict dict)
    {
        for (int level = 0; level < 8; level++)
        {
            AddMetadata(dict);
            PickleDict[] inside = [.. Containers.Select(key => dict[key]).OfType<PickleDict>()];
            if ((inside.FirstOrDefault(HasTensors) ?? (HasTensors(dict) ? null : inside.FirstOrDefault())) is not { } inner)
                break;
            dict = inner;
        }
        return dict;
    }

    private static bool HasTensors(PickleDict dict) => dict.Entries.Any(entry => entry.Value is PickleTensor);

    private void AddDict(PickleDict dict)
    {
        foreach (var (key, value) in dict.Entries)
            if (value is PickleTensor tensor)
                Add(key as string ?? throw Bad(path, $"has a tensor under {Unpickler.Kind(key)}, expected a name", SaveState), tensor);
        if (tensors.Count > 0)
            return;
        string keys = string.Join(", ", dict.Entries.Select(entry => entry.Key).OfType<string>().Take(8).Select(Quote));
        throw Bad(path, $"holds no tensors, neither by name nor under {string.Join(", ", Containers.Select(Quote))}; "
            + $"its keys are {(keys.Length > 0 ? keys : "none")}", SaveState);
    }

    // Attributes of modules in modules, in the order of the file; the stack is a list because nesting is up to the file.
    private void AddModule(PickleObject root)
    {
        if (root.Attributes is { } attributes)
            AddMetadata(attributes);
        Stack<(PickleObject Module, string Prefix, IEnumerator<KeyValuePair<object, object?>> Attributes)> open = [];
        HashSet<PickleObject> onPath = [];
        Enter(root, "");
        while (open.TryPeek(out var level))
        {
            if (!level.Attributes.MoveNext())
            {
                onPath.Remove(level.Module);
                open.Pop();
                continue;
            }
            var (key, value) = level.Attributes.Current;
            Spend(1);
            if (value is not (PickleTensor or PickleObject))
                continue;
            if (key is not string name)
                throw Bad(path, $"a module has an attribute under {Unpickler.Kind(key)}, expected a name");
            Spend(level.Prefix.Length + name.Length);
            if (value is PickleTensor tensor)
                Add(level.Prefix + name, tensor);
            else
                Enter((PickleObject)value, level.Prefix + name + ".");
        }
        if (tensors.Count == 0)
            throw Bad(path, "is a TorchScript module without tensors", "Expected a model with its weights");

        void Enter(PickleObject module, string prefix)
        {
            if (!onPath.Add(module))
                throw Bad(path, $"the module {Quote(prefix)} contains itself");
            open.Push((module, prefix, (module.Attributes ?? new PickleDict()).Entries.GetEnumerator()));
        }
    }

    private void Spend(long amount)
    {
        budget -= amount;
        if (budget < 0)
            throw Bad(path, "its modules hold each other so often that their names exceed the file", Hostile);
    }

    private void Add(string name, PickleTensor tensor)
    {
        if (!views.TryAdd(name, tensor))
            throw Bad(path, $"has two tensors named {Quote(name)}");
        tensors.Add(new CheckpointTensor(name, tensor.Size, tensor.Type));
    }

    private void AddMetadata(PickleDict dict)
    {
        foreach (var (key, value) in dict.Entries)
            if (key is string name && value is string or bool or long or BigInteger or double)
                metadata.TryAdd(name, Convert.ToString(value, CultureInfo.InvariantCulture)!);
    }
}
