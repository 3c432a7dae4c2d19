using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using static AnoPLe.Gpu.Weights.Checkpoints.CheckpointErrors;

namespace AnoPLe.Gpu.Weights.Checkpoints.Pickle;

/// <summary>
/// A pickle machine that builds plain values and tensors and cannot run anything: globals come from <see cref="AllowedGlobals"/> and calls of them
/// are interpreted in <c>Unpickler.Calls.cs</c>. Its stack is a list, so that nesting costs no call depth. Time and memory are linear in the
/// pickle's length.
/// </summary>
/// <remarks>Instructions: CPython's Lib/pickletools.py. Protocols 0 to 5, as far as PyTorch writes them.</remarks>
/// <param name="reader">The pickle.</param>
/// <param name="script">Whether the file is a TorchScript archive.</param>
/// <param name="tensorBytes">Largest tensor by strides that repeat elements: see <see cref="TorchTensors.Check"/>.</param>
/// <param name="resolve">Finds a storage, or throws.</param>
internal sealed partial class Unpickler(PickleReader reader, bool script, long tensorBytes, Func<StorageReference, PickleStorage> resolve)
{
    // Longest key of a dict: keys are hashed whenever they are set, and one long key may be set again and again by a few bytes each.
    private const int MaxKey = 1024;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private static readonly object True = true, False = false;

    private readonly List<object?> stack = [];
    private readonly List<int> marks = [];
    private readonly Dictionary<uint, object?> memo = [];
    private long opcodeAt;

    /// <summary>Reads up to and with STOP.</summary>
    /// <returns>Null, bool, long, <see cref="BigInteger"/>, double, string or one of the classes in <c>PickleValues.cs</c>.</returns>
    /// <exception cref="InvalidDataException">Damage, or something else than tensors.</exception>
    public object? Load()
    {
        while (true)
        {
            opcodeAt = reader.Position;
            byte code = reader.ReadByte();
            if (code == (byte)Opcode.Stop)
                return Pop();
            if (!Scalar((Opcode)code) && !Container((Opcode)code) && !Machine((Opcode)code))
                throw Bad($"has the instruction 0x{code:x2}, which PyTorch does not write into files of tensors",
                    "The file is damaged, or no PyTorch checkpoint");
        }
    }

    private bool Scalar(Opcode code)
    {
        switch (code)
        {
            case Opcode.None: Push(null); break;
            case Opcode.NewTrue: Push(True); break;
            case Opcode.NewFalse: Push(False); break;
            case Opcode.BinInt: Push((long)BinaryPrimitives.ReadInt32LittleEndian(reader.Read(4))); break;
            case Opcode.BinInt1: Push((long)reader.ReadByte()); break;
            case Opcode.BinInt2: Push((long)BinaryPrimitives.ReadUInt16LittleEndian(reader.Read(2))); break;
            case Opcode.Int: IntText(); break;
            case Opcode.Long: LongText(); break;
            case Opcode.Long1: LongBytes(reader.ReadByte()); break;
            case Opcode.Long4: LongBytes(Length4()); break;
            case Opcode.BinFloat: Push(BinaryPrimitives.ReadDoubleBigEndian(reader.Read(8))); break;
            case Opcode.ShortBinString: Push(ByteText(reader.ReadByte())); break;
            case Opcode.BinString: Push(ByteText(Length4())); break;
            case Opcode.ShortBinUnicode: Push(Text(reader.ReadByte())); break;
            case Opcode.BinUnicode: Push(Text(Length4())); break;
            case Opcode.BinUnicode8: Push(Text(Length8())); break;
            case Opcode.ShortBinBytes: Bytes(reader.ReadByte()); break;
            case Opcode.BinBytes: Bytes(Length4()); break;
            case Opcode.BinBytes8 or Opcode.ByteArray8: Bytes(Length8()); break;
            default: return false;
        }
        return true;
    }

    private bool Container(Opcode code)
    {
        switch (code)
        {
            case Opcode.EmptyTuple: Push(PickleTuple.Empty); break;
            case Opcode.Tuple: Push(new PickleTuple(PopToMark())); break;
            case Opcode.Tuple1: Push(new PickleTuple(PopMany(1))); break;
            case Opcode.Tuple2: Push(new PickleTuple(PopMany(2))); break;
            case Opcode.Tuple3: Push(new PickleTuple(PopMany(3))); break;
            case Opcode.EmptyList: Push(new PickleList()); break;
            case Opcode.List: Push(ListOf(PopToMark())); break;
            case Opcode.Append: Append(PopMany(1)); break;
            case Opcode.Appends: Append(PopToMark()); break;
            case Opcode.EmptyDict: Push(new PickleDict()); break;
            case Opcode.Dict: Push(Set(new PickleDict(), PopToMark())); break;
            case Opcode.SetItem: SetItems(PopMany(2)); break;
            case Opcode.SetItems: SetItems(PopToMark()); break;
            case Opcode.EmptySet: Push(PickleOpaque.Instance); break;
            case Opcode.FrozenSet: PopToMark(); Push(PickleOpaque.Instance); break;
            case Opcode.AddItems: PopToMark(); Top<PickleOpaque>("a set"); break;
            default: return false;
        }
        return true;
    }

    private bool Machine(Opcode code)
    {
        switch (code)
        {
            case Opcode.Proto: Protocol(reader.ReadByte()); break;
            case Opcode.Frame: Frame(Length8()); break;
            case Opcode.Mark: marks.Add(stack.Count); break;
            case Opcode.Pop: DropTop(); break;
            case Opcode.PopMark: PopToMark(); break;
            case Opcode.Dup: Push(Peek()); break;
            case Opcode.BinPut: memo[reader.ReadByte()] = Peek(); break;
            case Opcode.LongBinPut: memo[(uint)Length4()] = Peek(); break;
            case Opcode.Memoize: memo[(uint)memo.Count] = Peek(); break;
            case Opcode.BinGet: Push(Remembered(reader.ReadByte())); break;
            case Opcode.LongBinGet: Push(Remembered((uint)Length4())); break;
            case Opcode.Global: Global(); break;
            case Opcode.StackGlobal: Push(Global(PopMany(2))); break;
            case Opcode.BinPersId: Push(resolve(Reference(Pop()))); break;
            case Opcode.Reduce: Push(Call(PopMany(2))); break;
            case Opcode.NewObj: Push(New(PopMany(2))); break;
            case Opcode.Build: Build(Pop()); break;
            default: return false;
        }
        return true;
    }

    private void Protocol(byte version)
    {
        if (version > 5)
            throw Bad($"is pickle protocol {version}, expected at most 5", Newer);
    }

    private void Frame(long length)
    {
        // Frames only help readers that fetch ahead; what counts is that the length is no lie.
        if (length < 0 || length > reader.Remaining)
            throw Bad($"has a frame of {(ulong)length} bytes of which {reader.Remaining} are left", CutOff);
    }

    private long Length4() => BinaryPrimitives.ReadUInt32LittleEndian(reader.Read(4));

    private long Length8() => BinaryPrimitives.ReadInt64LittleEndian(reader.Read(8));

    private string Text(long length)
    {
        try
        {
            return StrictUtf8.GetString(reader.Read(length));
        }
        catch (DecoderFallbackException)
        {
            throw Bad("has a string that is not UTF-8", Again);
        }
    }

    // What Python 2 wrote as str: text, most often ASCII.
    private string ByteText(long length)
    {
        ReadOnlySpan<byte> bytes = reader.Read(length);
        return System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : Encoding.Latin1.GetString(bytes);
    }

    private void Bytes(long length)
    {
        reader.Skip(length);
        Push(PickleOpaque.Instance);
    }

    private void IntText()
    {
        ReadOnlySpan<byte> line = reader.ReadLine();
        if (line.SequenceEqual("01"u8) || line.SequenceEqual("00"u8))
            Push(line[1] == (byte)'1' ? True : False);
        else
            Number(line);
    }

    private void LongText()
    {
        ReadOnlySpan<byte> line = reader.ReadLine();
        Number(line.EndsWith("L"u8) ? line[..^1] : line);
    }

    private void Number(ReadOnlySpan<byte> digits)
    {
        string text = Encoding.Latin1.GetString(digits);
        if (!BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out BigInteger value))
            throw Bad("has a number that is none", Again);
        Push(value);
    }

    private void LongBytes(long count)
    {
        const int Longest = 32;
        if (count > Longest)
            throw Bad($"has a number of {count} bytes, expected at most {Longest}", Hostile);
        Push(new BigInteger(reader.Read(count)));
    }

    private void Push(BigInteger value) => Push(value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value);

    private void Append(object?[] items)
    {
        PickleList list = Top<PickleList>("a list");
        foreach (object? item in items)
            list.Add(item);
    }

    private static PickleList ListOf(object?[] items)
    {
        PickleList list = new();
        foreach (object? item in items)
            list.Add(item);
        return list;
    }

    private void SetItems(object?[] pairs) => Set(Top<PickleDict>("a dict"), pairs);

    private PickleDict Set(PickleDict dict, object?[] pairs)
    {
        if (pairs.Length % 2 != 0)
            throw Bad("has a key without a value", Again);
        for (int i = 0; i < pairs.Length; i += 2)
            dict[Key(pairs[i])] = pairs[i + 1];
        return dict;
    }

    private object? Key(object? key) => key is not string { Length: > MaxKey } text ? key
        : throw Bad($"has a key of {text.Length} characters, expected at most {MaxKey}", Hostile);

    private object? Remembered(uint index) => memo.TryGetValue(index, out object? value) ? value
        : throw Bad($"refers to value {index}, which it has not stored", Again);

    private void Push(object? value) => stack.Add(value);

    // The stack may be used down to the last mark.
    private int Depth => stack.Count - (marks.Count > 0 ? marks[^1] : 0);

    private object? Peek() => Depth > 0 ? stack[^1] : throw Underflow();

    private object? Pop()
    {
        object? value = Peek();
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    // POP on a mark drops the mark, as in CPython.
    private void DropTop()
    {
        if (Depth == 0 && marks.Count > 0)
            marks.RemoveAt(marks.Count - 1);
        else
            Pop();
    }

    private object?[] PopMany(int count)
    {
        if (Depth < count)
            throw Underflow();
        object?[] items = new object?[count];
        stack.CopyTo(stack.Count - count, items, 0, count);
        stack.RemoveRange(stack.Count - count, count);
        return items;
    }

    private object?[] PopToMark()
    {
        if (marks.Count == 0)
            throw Bad("closes a container that it has not opened", Again);
        object?[] items = PopMany(Depth);
        marks.RemoveAt(marks.Count - 1);
        return items;
    }

    private T Top<T>(string expected)
        where T : class => Peek() as T ?? throw Bad($"adds to {Kind(Peek())}, expected {expected}", Again);

    /// <summary>What a value is, for messages.</summary>
    public static string Kind(object? value) => value switch
    {
        null => "None",
        bool => "a truth value",
        long or BigInteger => "a whole number",
        double => "a number",
        string => "a string",
        PickleTuple => "a tuple",
        PickleList => "a list",
        PickleDict => "a dict",
        PickleTensor => "a tensor",
        PickleStorage => "a storage",
        PickleObject => "a TorchScript object",
        PickleGlobal global => $"{Quote(global.Module)[1..^1]}.{Quote(global.Name)[1..^1]}",
        _ => "a value of another kind",
    };

    private InvalidDataException Underflow() => Bad("takes a value from an empty stack", Again);

    private InvalidDataException Bad(string got, string next) => reader.Bad(opcodeAt, got, next);
}
