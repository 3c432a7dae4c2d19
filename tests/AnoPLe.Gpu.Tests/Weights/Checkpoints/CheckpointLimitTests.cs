using System.Diagnostics;
using AnoPLe.Gpu.Weights.Checkpoints;
using AnoPLe.Gpu.Weights.Checkpoints.Pickle;

namespace AnoPLe.Gpu.Tests.Weights.Checkpoints;

/// <summary>Small files that are made to use much time, memory or call depth are refused, or cost no more than others of their size.</summary>
public sealed class CheckpointLimitTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Nesting_costs_no_call_depth()
    {
        const int Depth = 1_000_000;
        byte[] lists = PickleBuilder.Dict("deep", value => value.Raw([.. Enumerable.Repeat((byte)Opcode.EmptyList, Depth)]).Raw([.. Enumerable.Repeat((byte)Opcode.Append, Depth - 1)]));
        lists = [.. lists[..^1], .. new PickleBuilder().Text("w").Tensor(0, [2, 2], [2, 1]).Op(Opcode.SetItem, Opcode.Stop).Bytes];
        PickleBuilder.Zip(folder["deep.pt"], lists);
        using Checkpoint checkpoint = Checkpoint.Open(folder["deep.pt"]);
        Assert.Equal(["w"], checkpoint.Tensors.Select(tensor => tensor.Name));
    }

    [Fact]
    public void Nested_modules_cost_no_call_depth()
    {
        // {m: {m: {m: ...}}} of objects, a short path per level, so that the names stay within the file's size.
        const int Depth = 300;
        PickleBuilder pickle = new PickleBuilder().With(Opcode.Proto, 2);
        for (int i = 0; i < Depth; i++)
            pickle.Name("__torch__", "M").Op(Opcode.EmptyTuple, Opcode.NewObj, Opcode.EmptyDict).Text("m");
        pickle.Tensor(0, [4], [1]);
        for (int i = 0; i < Depth; i++)
            pickle.Op(Opcode.SetItem, Opcode.Build);
        PickleBuilder.Zip(folder["deep.pt"], pickle.Op(Opcode.Stop).Bytes, script: true);
        using Checkpoint checkpoint = Checkpoint.Open(folder["deep.pt"]);
        Assert.Equal(2 * Depth - 1, Assert.Single(checkpoint.Tensors).Name.Length);
    }

    [Fact]
    public void Shared_modules_do_not_multiply_without_end()
    {
        // Each level holds the level below twice: 2^40 names.
        PickleBuilder pickle = new PickleBuilder().With(Opcode.Proto, 2);
        pickle.Tensor(0, [4], [1]);
        for (int level = 0; level < 40; level++)
        {
            pickle.With(Opcode.BinPut, 0).Op(Opcode.Pop).Name("__torch__", "M").Op(Opcode.EmptyTuple, Opcode.NewObj, Opcode.EmptyDict);
            foreach (string name in (ReadOnlySpan<string>)["a", "b"])
                pickle.Text(name).With(Opcode.BinGet, 0).Op(Opcode.SetItem);
            pickle.Op(Opcode.Build);
        }
        PickleBuilder.Zip(folder["shared.pt"], pickle.Op(Opcode.Stop).Bytes, script: true);
        Refused("shared.pt", "its modules hold each other so often");
    }

    [Fact]
    public void A_module_that_holds_itself_is_refused()
    {
        PickleBuilder pickle = new PickleBuilder().With(Opcode.Proto, 2).Name("__torch__", "M").Op(Opcode.EmptyTuple, Opcode.NewObj).With(Opcode.BinPut, 0).Op(Opcode.EmptyDict)
            .Text("me").With(Opcode.BinGet, 0).Op(Opcode.SetItem, Opcode.Build, Opcode.Stop);
        PickleBuilder.Zip(folder["self.pt"], pickle.Bytes, script: true);
        Refused("self.pt", "contains itself");
    }

    [Fact]
    public void A_dict_that_holds_itself_ends()
    {
        PickleBuilder pickle = new PickleBuilder().With(Opcode.Proto, 2).Op(Opcode.EmptyDict).With(Opcode.BinPut, 0).Text("state_dict").With(Opcode.BinGet, 0).Op(Opcode.SetItem, Opcode.Stop);
        PickleBuilder.Zip(folder["self.pt"], pickle.Bytes);
        Refused("self.pt", "holds no tensors");
    }

    [Fact]
    public void Long_keys_are_refused()
    {
        PickleBuilder.Zip(folder["key.pt"], PickleBuilder.Dict(new string('k', 5000), value => value.Op(Opcode.None)));
        Refused("key.pt", "has a key of 5000 characters");
    }

    [Fact]
    public void Long_names_of_classes_are_refused()
    {
        PickleBuilder.Zip(folder["class.pt"], PickleBuilder.Dict("k", value => value.Text("__torch__." + new string('m', 5000)).Text("M").Op(Opcode.StackGlobal)), script: true);
        Refused("class.pt", "mmm….M is not something a tensor file needs");
    }

    [Fact]
    public void One_list_does_not_make_many_dicts()
    {
        PickleBuilder pickle = new PickleBuilder().With(Opcode.Proto, 2).Name("collections", "OrderedDict").With(Opcode.BinPut, 0).Op(Opcode.EmptyList, Opcode.Mark);
        for (int i = 0; i < 10_000; i++)
            pickle.Op(Opcode.EmptyTuple, Opcode.Dup, Opcode.Tuple2);
        pickle.Op(Opcode.Appends, Opcode.Tuple1).With(Opcode.BinPut, 1).Op(Opcode.Reduce);
        for (int i = 0; i < 10_000; i++)
            pickle.Op(Opcode.Pop).With(Opcode.BinGet, 0).With(Opcode.BinGet, 1).Op(Opcode.Reduce);
        PickleBuilder.Zip(folder["pairs.pt"], pickle.Op(Opcode.Stop).Bytes);
        Refused("pairs.pt", "makes dicts of more pairs than it holds");
    }

    [Fact]
    public void A_deflated_pickle_that_unfolds_without_measure_is_refused()
    {
        PickleBuilder.Zip(folder["bomb.pt"], new byte[50 << 20], deflate: true);
        Refused("bomb.pt", "unfolds");
    }

    [Fact]
    public void A_deflated_storage_is_read_a_window_at_a_time()
    {
        byte[] zeros = new byte[40 << 20];
        BitConverter.TryWriteBytes(zeros.AsSpan(^4..), 2.5f);
        PickleBuilder.Zip(folder["large.pt"], PickleBuilder.Dict("w", value => value.Tensor((10 << 20) - 3, [3], [1], count: 10 << 20)), deflate: true, entries: ("m/data/0", zeros));
        long before = GC.GetAllocatedBytesForCurrentThread();
        using Checkpoint checkpoint = Checkpoint.Open(folder["large.pt"]);
        byte[] bytes = new byte[12];
        checkpoint.Read(checkpoint.Tensors[0], bytes);
        Assert.Equal(2.5f, BitConverter.ToSingle(bytes, 8));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData(1, 2L, 2L, 2L, 1L, "ends at element 4, the storage has 4")]
    [InlineData(-1, 2L, 2L, 2L, 1L, "a size, stride or offset is negative")]
    [InlineData(0, -2L, -2L, 2L, 1L, "a size, stride or offset is negative")]
    [InlineData(0, 2L, 2L, -1L, 1L, "a size, stride or offset is negative")]
    [InlineData(0, long.MaxValue, 2L, 0L, 0L, "its size exceeds 64 bits")]
    [InlineData(0, long.MaxValue / 8, 1L, 0L, 0L, "its size exceeds 64 bits")]
    [InlineData(0, 1L, 3L, 1L, long.MaxValue, "its size exceeds 64 bits")]
    [InlineData(long.MaxValue, 1L, 2L, 1L, 1L, "its size exceeds 64 bits")]
    [InlineData(0, 1L << 40, 1L, 0L, 0L, "it repeats 4 elements to 1099511627776, more than the whole file holds")]
    [InlineData(0, 2L, 2L, 1L, 1L, "its strides make elements overlap")]
    public void Views_outside_their_storage_are_refused(long offset, long rows, long columns, long rowStride, long columnStride, string why)
    {
        byte[] pickle = PickleBuilder.Dict("w", value => value.Tensor(offset, [rows, columns], [rowStride, columnStride]));
        PickleBuilder.Zip(folder["view.pt"], pickle);
        Refused("view.pt", why);
        PickleBuilder.Legacy(folder["view_legacy.pt"], pickle, true, ("0", 4, PickleBuilder.OneToFour));
        Refused("view_legacy.pt", why);
    }

    [Fact]
    public void Sizes_and_strides_belong_together()
    {
        PickleBuilder.Zip(folder["axes.pt"], PickleBuilder.Dict("w", value => value.Tensor(0, [2, 2], [1])));
        Refused("axes.pt", "2 sizes but 1 strides");
        PickleBuilder.Zip(folder["many.pt"], PickleBuilder.Dict("w", value => value.Tensor(0, new long[17], new long[17])));
        Refused("many.pt", "makes a tensor of (a storage, a whole number, a tuple, a tuple");
    }

    private void Refused(string file, string why)
    {
        Stopwatch time = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InvalidDataException>(() => Checkpoint.Open(folder[file]));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (1 << 19) + 256 * new FileInfo(folder[file]).Length);
        Assert.InRange(time.Elapsed.TotalSeconds, 0, 10);
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(folder[file], error.Message, StringComparison.Ordinal);
    }
}
