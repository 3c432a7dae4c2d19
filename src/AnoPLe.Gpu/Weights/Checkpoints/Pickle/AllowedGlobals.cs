namespace AnoPLe.Gpu.Weights.Checkpoints.Pickle;

/// <summary>What a global of a pickle means here.</summary>
internal enum GlobalKind
{
    /// <summary>Makes a dict: of nothing, of pairs or of another dict.</summary>
    Dict,

    /// <summary>Makes a value that is not looked into.</summary>
    Opaque,

    /// <summary>Gives its first argument: a size, a tagged container.</summary>
    First,

    /// <summary>torch._utils._rebuild_tensor and _rebuild_tensor_v2: (storage, offset, size, stride, ...).</summary>
    Tensor,

    /// <summary>torch._utils._rebuild_tensor_v3: the same with a type.</summary>
    TypedTensor,

    /// <summary>A parameter is its tensor.</summary>
    Parameter,

    /// <summary>torch._tensor._rebuild_from_type_v2: (function, class, arguments, state).</summary>
    FromType,

    /// <summary>Class of a storage.</summary>
    Storage,

    /// <summary>An element type.</summary>
    ElementType,

    /// <summary>A class of tensors, as an argument.</summary>
    TensorClass,

    /// <summary>A class of a TorchScript archive.</summary>
    ScriptClass,
}

/// <summary>A name that was found in the table.</summary>
internal sealed record PickleGlobal(string Module, string Name, GlobalKind Kind, SafetensorsType? Type = null);

/// <summary>
/// The names that a file of tensors needs. They are interpreted: none is imported or called. Everything else is refused, since a name in a
/// pickle is a request to run code.
/// </summary>
internal static class AllowedGlobals
{
    private const string ScriptPrefix = "__torch__";

    private static readonly Dictionary<(string Module, string Name), PickleGlobal> Table = Build();

    /// <summary>A global by name, or null when it is not allowed.</summary>
    /// <param name="module">Module.</param>
    /// <param name="name">Name in the module.</param>
    /// <param name="script">Whether the file is a TorchScript archive, which has classes of its own.</param>
    public static PickleGlobal? Find(string module, string name, bool script) =>
        Table.TryGetValue((module, name), out PickleGlobal? global) ? global
        : script && (module == ScriptPrefix || module.StartsWith(ScriptPrefix + ".", StringComparison.Ordinal))
            ? new PickleGlobal(module, name, GlobalKind.ScriptClass) : null;

    private static Dictionary<(string, string), PickleGlobal> Build()
    {
        Dictionary<(string, string), PickleGlobal> table = [];
        void Add(string module, GlobalKind kind, params ReadOnlySpan<string> names)
        {
            foreach (string name in names)
                table.Add((module, name), new PickleGlobal(module, name, kind));
        }

        void Type(string module, GlobalKind kind, string name, SafetensorsType? type) => table.Add((module, name), new PickleGlobal(module, name, kind, type));

        Add("collections", GlobalKind.Dict, "OrderedDict", "defaultdict", "Counter");
        foreach (string module in (ReadOnlySpan<string>)["builtins", "__builtin__"])
        {
            Add(module, GlobalKind.Dict, "dict");
            // Classes here are arguments of defaultdict; sets and bytes are values.
            Add(module, GlobalKind.Opaque, "set", "frozenset", "list", "int", "float", "str", "bytes", "bytearray", "complex");
        }
        Add("_codecs", GlobalKind.Opaque, "encode");
        Add("torch._utils", GlobalKind.Tensor, "_rebuild_tensor", "_rebuild_tensor_v2");
        Add("torch._utils", GlobalKind.TypedTensor, "_rebuild_tensor_v3");
        Add("torch._utils", GlobalKind.Parameter, "_rebuild_parameter", "_rebuild_parameter_with_state");
        Add("torch._tensor", GlobalKind.FromType, "_rebuild_from_type_v2");
        Add("torch", GlobalKind.TensorClass, "Tensor");
        Add("torch.nn.parameter", GlobalKind.TensorClass, "Parameter", "Buffer");
        Add("torch", GlobalKind.First, "Size");
        Add("torch", GlobalKind.Opaque, "device");
        Add("torch.serialization", GlobalKind.Opaque, "_get_layout");
        Add("torch.jit._pickle", GlobalKind.First, "restore_type_tag", "build_intlist", "build_doublelist", "build_boollist", "build_tensorlist");
        foreach (var (storage, names, type) in Types)
        {
            if (storage is not null)
                Type("torch", GlobalKind.Storage, storage + "Storage", type);
            foreach (string name in names)
                Type("torch", GlobalKind.ElementType, name, type);
        }
        Type("torch.storage", GlobalKind.Storage, "UntypedStorage", null);
        Type("torch.storage", GlobalKind.Storage, "_UntypedStorage", null);
        Type("torch", GlobalKind.Storage, "UntypedStorage", null);
        return table;
    }

    // Storage classes, and dtypes under the names that they are pickled by.
    private static (string? Storage, string[] Types, SafetensorsType Type)[] Types =>
    [
        ("Float", ["float32"], SafetensorsType.F32),
        ("Half", ["float16"], SafetensorsType.F16),
        ("BFloat16", ["bfloat16"], SafetensorsType.BF16),
        ("Double", ["float64"], SafetensorsType.F64),
        ("Long", ["int64"], SafetensorsType.I64),
        ("Int", ["int32"], SafetensorsType.I32),
        ("Short", ["int16"], SafetensorsType.I16),
        ("Char", ["int8"], SafetensorsType.I8),
        ("Byte", ["uint8"], SafetensorsType.U8),
        ("Bool", ["bool"], SafetensorsType.BOOL),
        // These have no storage class: only tensors that name their type can be of them.
        (null, ["uint16"], SafetensorsType.U16),
        (null, ["uint32"], SafetensorsType.U32),
        (null, ["uint64"], SafetensorsType.U64),
        (null, ["float8_e4m3fn"], SafetensorsType.F8_E4M3),
        (null, ["float8_e5m2"], SafetensorsType.F8_E5M2),
    ];
}
