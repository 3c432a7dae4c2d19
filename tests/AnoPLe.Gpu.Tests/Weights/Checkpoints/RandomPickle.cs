using AnoPLe.Gpu.Weights.Checkpoints.Pickle;

namespace AnoPLe.Gpu.Tests.Weights.Checkpoints;

/// <summary>
/// Programs of valid instructions with plausible operands, which reach deeper into the pickle machine than damaged bytes do. They keep track of how
/// many values lie on the stack, so that most run for a while.
/// </summary>
internal sealed class RandomPickle(Random random)
{
    private static readonly (string Module, string Name)[] Names =
        [("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter"), ("torch", "FloatStorage"), ("torch", "HalfStorage"),
            ("torch", "Size"), ("__torch__.a", "B"), ("torch._tensor", "_rebuild_from_type_v2"), ("torch", "Tensor"), ("torch.jit._pickle", "restore_type_tag"),
            ("builtins", "set"), ("torch._utils", "_rebuild_tensor_v3"), ("torch", "float32"), ("torch.storage", "UntypedStorage"), ("collections", "Counter")];

    private readonly PickleBuilder pickle = new();
    private int depth, marks, stored;

    /// <summary>A pickle of about this many instructions; call it once.</summary>
    public byte[] Next(int instructions)
    {
        // A dict to hold what follows: without tensors a root is refused, whatever else happened.
        pickle.With(Opcode.Proto, 2).Op(Opcode.EmptyDict);
        depth = 1;
        int risk = random.Next(3) * 20;
        for (int i = 0; i < instructions; i++)
            if (random.Next(100) < risk)
                Any();
            else
                Safe();
        while (marks > 0)
            Close(random.Next(2) == 0 ? Opcode.Tuple : Opcode.List);
        for (; depth > 1; depth--)
            pickle.Op(Opcode.Pop);
        return pickle.Op(Opcode.Stop).Bytes;
    }

    private void Safe()
    {
        for (; depth > 1 && marks == 0; depth--)
            pickle.Op(Opcode.Pop);
        Entry();
    }

    private void Any()
    {
        switch (random.Next(16))
        {
            case 0: pickle.Text(((char)('a' + random.Next(4))).ToString()); depth++; break;
            case 1: Number(5); depth++; break;
            case 2: pickle.Op(Opcode.Mark); marks++; break;
            case 3 when marks > 0: Close(Pick(Opcode.Tuple, Opcode.List, Opcode.Dict, Opcode.PopMark, Opcode.FrozenSet, Opcode.Appends, Opcode.SetItems, Opcode.AddItems)); break;
            case 4: Global(); depth++; break;
            case 5 when depth > 1: pickle.With(Opcode.BinPut, (byte)(stored = (stored + 1) % 16)); break;
            case 6 when stored > 0: pickle.With(Opcode.BinGet, (byte)random.Next(stored + 1)); depth++; break;
            case 7 when depth > 2: pickle.Op(Pick(Opcode.Reduce, Opcode.NewObj)); depth--; break;
            case 8 when depth > 2: pickle.Op(Pick(Opcode.Build, Opcode.Append)); depth--; break;
            case 9 when depth > 3: pickle.Op(Opcode.SetItem); depth -= 2; break;
            case 10: pickle.Op(Pick(Opcode.EmptyDict, Opcode.EmptyList, Opcode.EmptyTuple, Opcode.EmptySet, Opcode.None, Opcode.NewTrue)); depth++; break;
            case 11 when depth > 3: pickle.Op(Opcode.Tuple2); depth--; break;
            case 12: Tensor(); depth++; break;
            case 13: Module(); depth++; break;
            case 14 when depth > 2: pickle.Op(Opcode.Dup); depth++; break;
            default: Entry(); break;
        }
    }

    // The value below gets an entry.
    private void Entry()
    {
        pickle.Text("k" + random.Next(40));
        switch (random.Next(4))
        {
            case 0: Number(9); break;
            case 1: Module(); break;
            default: Tensor(); break;
        }
        pickle.Op(Opcode.SetItem);
    }

    private void Tensor()
    {
        if (random.Next(40) == 0)
            pickle.Tensor(random.Next(3), [random.Next(4), random.Next(4)], [random.Next(3), random.Next(3)], random.Next(4) == 0 ? "Half" : "Float");
        else
            pickle.Tensor(random.Next(2), [1 + random.Next(3)], [random.Next(2)]);
    }

    // An object whose attributes may be anything stored before, itself included.
    private void Module()
    {
        pickle.Name("__torch__.m", "M").Op(Opcode.EmptyTuple, Opcode.NewObj).With(Opcode.BinPut, (byte)random.Next(4)).Op(Opcode.EmptyDict);
        stored = Math.Max(stored, 3);
        pickle.Text("w");
        Tensor();
        pickle.Op(Opcode.SetItem);
        for (int i = random.Next(3); i > 0; i--)
            pickle.Text("m" + random.Next(3)).With(Opcode.BinGet, (byte)random.Next(4)).Op(Opcode.SetItem);
        pickle.Op(Opcode.Build);
    }

    private void Number(int below) => pickle.With(Opcode.BinInt1, (byte)random.Next(below));

    private void Global()
    {
        var (module, name) = Names[random.Next(Names.Length)];
        pickle.Name(module, name);
    }

    // What lies between the mark and the top is not counted, so programs do underflow at times: that has to be refused too.
    private void Close(Opcode code)
    {
        pickle.Op(code);
        marks--;
        if (code is Opcode.Tuple or Opcode.List or Opcode.Dict or Opcode.FrozenSet)
            depth++;
        depth = Math.Max(1, depth - random.Next(3));
    }

    private Opcode Pick(params ReadOnlySpan<Opcode> codes) => codes[random.Next(codes.Length)];
}
